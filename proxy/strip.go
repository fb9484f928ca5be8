package proxy

import (
	"bytes"
	"strings"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

// stripJava removes what makes a JNDI client build objects from an entry
// (RFC 2713): attributes java*, and object classes of that name. An entry
// without any, which is every honest one, is not copied.
func stripJava(m *ldap.Message) error {
	if !mentionsJava(m.Body) {
		return nil
	}
	e, err := ldap.DecodeEntry(m.Body)
	if err != nil {
		return err
	}
	list := make([]byte, 0, len(m.Body))
	changed := false
	for {
		a, ok, err := e.NextAttribute()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		switch typ, _ := ldap.AttributeTypeOf(string(a.Description)); {
		case isJava(a.Description):
			changed = true
		case typ == ldap.ObjectClass:
			var stripped bool
			if list, stripped, err = appendClasses(list, &a); err != nil {
				return err
			}
			changed = changed || stripped
		default:
			list = append(list, a.Raw...)
		}
	}
	if changed {
		replaceEntry(m, e.DN, list)
	}
	return nil
}

// mentionsJava spares nearly every entry the decoding. It looks for the v: there
// is a j in the DN of every JumpCloud user.
func mentionsJava(body []byte) bool {
	for _, v := range []byte("vV") {
		for at := 0; ; at++ {
			next := bytes.IndexByte(body[at:], v)
			if next < 0 {
				break
			}
			at += next
			if at >= 2 && at+1 < len(body) && isJava(body[at-2:at+2]) {
				return true
			}
		}
	}
	return false
}

func isJava[T ber.Bytes](name T) bool {
	return len(name) >= 4 && strings.EqualFold(string(name[:4]), "java")
}

func appendClasses(dst []byte, a *ldap.Attribute) (_ []byte, stripped bool, err error) {
	dst, attr := ber.Begin(dst, ber.Sequence, 0)
	dst = ber.Append(dst, ber.OctetString, a.Description)
	dst, set := ber.Begin(dst, ber.Set, 0)
	for {
		v, ok, err := a.NextValue()
		if err != nil {
			return dst, stripped, err
		}
		if !ok {
			return ber.End(ber.End(dst, set, 0), attr, 0), stripped, nil
		}
		if isJava(v) {
			stripped = true
			continue
		}
		dst = ber.Append(dst, ber.OctetString, v)
	}
}

// replaceEntry gives the message other attributes, in memory of its own.
func replaceEntry(m *ldap.Message, dn, attributes []byte) {
	whole := appendEntry(nil, m.ID, dn, attributes, m.Controls)
	if fresh, err := ldap.ParseMessage(whole); err == nil {
		*m = fresh
	}
}
