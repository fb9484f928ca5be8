package proxy

import (
	"strings"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// The rootDSE says what the proxy can do, not what stands behind it. Before
// bind it is ours; after bind it is upstream's, corrected.

// rootAttribute is one attribute of our own rootDSE. All but objectClass are
// operational, RFC 4512 section 5.1.
type rootAttribute struct {
	name        string
	values      []string
	operational bool
}

func (s *session) rootDSE() []rootAttribute {
	attrs := []rootAttribute{
		{"objectClass", []string{"top"}, false},
		{"supportedLDAPVersion", []string{"3"}, true},
		{supportedExtension, s.extensions(), true},
		{"supportedControl", []string{ldap.OIDManageDsaIT, ldap.OIDPagedResults}, true},
		{"vendorName", []string{"jamf-ldap-proxy"}, true},
	}
	if base := s.server.settings().NamingContext; base != "" {
		attrs = append(attrs, rootAttribute{"namingContexts", []string{base}, true})
	}
	return attrs
}

const supportedExtension = "supportedExtension"

func (s *session) extensions() []string {
	if s.offersStartTLS() {
		return []string{ldap.OIDStartTLS, ldap.OIDWhoAmI}
	}
	return []string{ldap.OIDWhoAmI}
}

func (o *operation) answerRootDSE(req *ldap.SearchRequest) error {
	attrs := o.session.rootDSE()
	if matchesRoot(&req.Filter, attrs) {
		err := o.emit(func(dst []byte) []byte { return appendRoot(dst, o.id, req, attrs) })
		if err != nil {
			return err
		}
		o.rec.Entries++
	}
	return o.reply(&ldap.Result{}, nil)
}

// matchesRoot evaluates what people ask of a rootDSE; anything finer is false.
func matchesRoot(f *ldap.Filter, attrs []rootAttribute) bool {
	switch f.Kind {
	case ldap.FilterAnd:
		for i := range f.Children {
			if !matchesRoot(&f.Children[i], attrs) {
				return false
			}
		}
		return true
	case ldap.FilterOr:
		for i := range f.Children {
			if matchesRoot(&f.Children[i], attrs) {
				return true
			}
		}
	case ldap.FilterNot:
		return !matchesRoot(&f.Children[0], attrs)
	case ldap.FilterPresent, ldap.FilterEquality:
		for i := range attrs {
			if ldap.DescriptionCovers(f.Attr, attrs[i].name) {
				return f.Kind == ldap.FilterPresent || containsFold(attrs[i].values, f.Value)
			}
		}
	}
	return false
}

func containsFold(values []string, want string) bool {
	for _, v := range values {
		if strings.EqualFold(v, want) {
			return true
		}
	}
	return false
}

func appendRoot(dst []byte, id int32, req *ldap.SearchRequest, attrs []rootAttribute) []byte {
	selection := req.Selection()
	list := make([]byte, 0, 512)
	for _, a := range attrs {
		chosen := selection.All() && !a.operational || selection.Operational() && a.operational || selection.Named(a.name)
		if chosen {
			list = appendAttribute(list, a.name, a.values, req.TypesOnly)
		}
	}
	return appendEntry(dst, id, nil, list, nil)
}

// appendRootDSE appends upstream's rootDSE without what the proxy does not
// pass on: SASL, other servers, and extensions other than its own.
func (o *operation) appendRootDSE(dst []byte, req *ldap.SearchRequest, m *ldap.Message) ([]byte, error) {
	e, err := ldap.DecodeEntry(m.Body)
	if err != nil {
		return dst, err
	}
	selection := req.Selection()
	extensions := selection.Operational() || selection.Named(supportedExtension)
	list := make([]byte, 0, len(m.Body))
	for {
		a, ok, err := e.NextAttribute()
		if err != nil {
			return dst, err
		}
		if !ok {
			break
		}
		switch name := string(a.Description); {
		case strings.EqualFold(name, supportedExtension):
			extensions = true
		case strings.EqualFold(name, "supportedSASLMechanisms"), strings.EqualFold(name, "altServer"):
		default:
			list = append(list, a.Raw...)
		}
	}
	if extensions {
		list = appendAttribute(list, supportedExtension, o.session.extensions(), req.TypesOnly)
	}
	return appendEntry(dst, o.id, e.DN, list, m.Controls), nil
}

func appendAttribute(dst []byte, name string, values []string, typesOnly bool) []byte {
	dst, attr := ber.Begin(dst, ber.Sequence, 0)
	dst = ber.Append(dst, ber.OctetString, name)
	dst, set := ber.Begin(dst, ber.Set, 0)
	for _, v := range values {
		if !typesOnly {
			dst = ber.Append(dst, ber.OctetString, v)
		}
	}
	return ber.End(ber.End(dst, set, 0), attr, 0)
}

// appendEntry appends a SearchResultEntry from encoded attributes.
func appendEntry(dst []byte, id int32, dn, attributes, controls []byte) []byte {
	body := make([]byte, 0, len(dn)+len(attributes)+16)
	body = ber.Append(body, ber.OctetString, dn)
	body = ber.Append(body, ber.Sequence, attributes)
	return ldap.AppendOperation(dst, id, ldap.OpSearchResultEntry, body, controls)
}
