package directory

import "fmt"

const (
	oidStartTLS       = "1.3.6.1.4.1.1466.20037"
	oidDisconnection  = "1.3.6.1.4.1.1466.20036"
	oidWhoAmI         = "1.3.6.1.4.1.4203.1.11.3"
	oidPasswordModify = "1.3.6.1.4.1.4203.1.11.1"

	oidPaging         = "1.2.840.113556.1.4.319"
	oidPasswordPolicy = "1.3.6.1.4.1.42.2.27.8.5.1"
	oidManageDsaIT    = "2.16.840.1.113730.3.4.2"
)

// addSpecial makes the two entries outside the tree: the root DSE (RFC 4512
// section 5.1) and the subschema subentry that every entry points at.
func (t *tree) addSpecial() error {
	t.rootDSE = &entry{}
	err := t.setAll(t.rootDSE,
		"objectClass", "top",
		"objectClass", "OpenLDAProotDSE",
		"structuralObjectClass", "OpenLDAProotDSE",
		"supportedControl", oidPasswordPolicy,
		"supportedControl", oidManageDsaIT,
		"supportedControl", oidPaging,
		"supportedExtension", oidWhoAmI,
		"supportedFeatures", "1.3.6.1.4.1.4203.1.5.1", // all operational attributes, RFC 3673
		"supportedFeatures", "1.3.6.1.4.1.4203.1.5.3", // absolute true and false filters, RFC 4526
		"supportedLDAPVersion", "3",
		"entryDN", "",
		"subschemaSubentry", subschemaDN,
	)
	if err != nil {
		return fmt.Errorf("making the root DSE: %w", err)
	}
	for _, e := range t.entries {
		if t.byKey[e.parent] != nil {
			continue
		}
		if err := t.setAll(t.rootDSE, "namingContexts", e.dn); err != nil {
			return fmt.Errorf("making the root DSE: %w", err)
		}
	}
	t.subschema, err = t.newSubschema()
	if err != nil {
		return fmt.Errorf("making the subschema entry: %w", err)
	}
	return nil
}

// offerStartTLS adds StartTLS to the supported extensions of the root DSE.
func (t *tree) offerStartTLS() error {
	return t.setAll(t.rootDSE, "supportedExtension", oidStartTLS)
}

// newSubschema describes the built-in types and classes (RFC 4512 section 4.2),
// as much of them as a client needs to tell one from the other.
func (t *tree) newSubschema() (*entry, error) {
	name, err := t.schema.parseDN(subschemaDN)
	if err != nil {
		return nil, err
	}
	e := &entry{dn: subschemaDN, name: name, key: name.key()}
	pairs := []string{
		"objectClass", "top",
		"objectClass", "subentry",
		"objectClass", "subschema",
		"objectClass", "extensibleObject",
		"cn", "Subschema",
		"structuralObjectClass", "subentry",
		"subschemaSubentry", subschemaDN,
		"entryDN", subschemaDN,
		"createTimestamp", loaded,
		"modifyTimestamp", loaded,
	}
	for _, a := range attributeTypes {
		pairs = append(pairs, "attributeTypes", a.definition())
	}
	for _, c := range objectClasses {
		pairs = append(pairs, "objectClasses", c.definition())
	}
	return e, t.setAll(e, pairs...)
}

func (a *attributeType) definition() string {
	out := "( " + a.oid + " NAME '" + a.name + "'"
	if a.sup != "" {
		out += " SUP " + a.sup
	}
	if a.equality != nil {
		out += " EQUALITY " + a.equality.name
	}
	if a.operational {
		out += " USAGE directoryOperation"
	}
	return out + " )"
}

func (c *objectClass) definition() string {
	out := "( " + c.oid + " NAME '" + c.name + "'"
	if c.sup != "" {
		out += " SUP " + c.sup
	}
	return out + [...]string{" ABSTRACT", " STRUCTURAL", " AUXILIARY"}[c.kind] + " )"
}
