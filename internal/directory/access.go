package directory

// The access rules of the directory, JumpCloud's as far as they are known:
// a user who is enabled as "LDAP Bind DN" reads everything, everybody else can
// bind and nothing more. userPassword is only readable by its owner.

// mayRead reports whether who, nil when anonymous, may read the tree.
func mayRead(who *entry) bool {
	return who != nil && who.first("jcLdapAdmin") == "TRUE"
}

// maySee reports whether who may read or assert an attribute of e.
func maySee(who, e *entry, typ *attributeType) bool {
	return typ.name != "userPassword" || who == e
}
