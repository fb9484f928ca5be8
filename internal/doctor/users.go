package doctor

import (
	"context"
	"fmt"
	"strings"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/simulate"
)

// users is what the account sees of users.
type users struct {
	reading
	others    int             // besides the account itself
	dns, uids map[string]bool // DNs in the form of folded; user names as spelled
	elsewhere int             // not directly below upstream.base
	place     ldap.DN         // where the first of those lies
	lacking   map[string]int  // how many do not have an attribute
	sample    string          // user name
	sampleDN  string
}

// field is an attribute that Jamf shows, and its label there.
type field struct{ label, attribute string }

// userFields are the fields of JumpCloud's instructions for Jamf that everybody
// fills in; the UUID is a matter of its own.
func userFields(m *simulate.UserMappings) []field {
	return []field{{"Username", m.Username}, {"Real Name", m.RealName}, {"Email Address", m.Email}}
}

func (a *account) mappings() simulate.Mappings { return simulate.Default(a.o.Config.Upstream.Base) }

// aUser is the filter of every user that Jamf can find.
func aUser(m *simulate.UserMappings) string { return "(objectClass=" + m.ObjectClasses[0] + ")" }

func (a *account) readUsers(ctx context.Context) *Finding {
	m := a.mappings()
	base, err := ldap.ParseDN(m.Users.SearchBase)
	if err != nil {
		return fail("upstream.base: " + err.Error())
	}
	a.users = users{dns: map[string]bool{}, uids: map[string]bool{}, lacking: map[string]int{}}
	fields := userFields(&m.Users)
	q := below(m.Users.SearchBase, aUser(&m.Users))
	for _, f := range fields {
		q.Attributes = append(q.Attributes, f.attribute)
	}
	a.users.reading, err = a.readAll(ctx, q, func(e *goldap.Entry) { a.addUser(e, base, fields) })
	if err != nil {
		return searchFailed(err)
	}
	return a.judgeUsers()
}

func (a *account) addUser(e *goldap.Entry, base ldap.DN, fields []field) {
	u := &a.users
	u.dns[folded(e.DN)] = true
	uid := e.GetEqualFoldAttributeValue(fields[0].attribute)
	u.uids[uid] = true
	for _, f := range fields {
		if e.GetEqualFoldAttributeValue(f.attribute) == "" {
			u.lacking[f.attribute]++
		}
	}
	dn, err := ldap.ParseDN(e.DN)
	if err != nil {
		return
	}
	if !dn.Parent().Equal(base) {
		if u.elsewhere++; u.elsewhere == 1 {
			u.place = dn.Parent()
		}
	}
	own, _ := ldap.ParseDN(a.o.Account.DN)
	if !dn.Equal(own) {
		u.others++
	}
	wanted := a.o.User == "" && !dn.Equal(own) || a.o.User != "" && strings.EqualFold(uid, a.o.User)
	if u.sample == "" && uid != "" && wanted {
		u.sample, u.sampleDN = uid, e.DN
	}
}

// folded is a DN in a form in which equal ones are mostly equal; see isUser for
// the others.
func folded(dn string) string { return strings.ToLower(dn) }

// isUser tells whether a DN is that of a user who was read.
func (u *users) isUser(dn string) bool {
	if u.dns[folded(dn)] {
		return true
	}
	parsed, err := ldap.ParseDN(dn)
	return err == nil && u.dns[folded(parsed.String())]
}

func (a *account) judgeUsers() *Finding {
	u, m := &a.users, a.mappings()
	switch {
	case u.others == 0 && u.cut != "":
		return fail("not a single user: "+u.cut, raiseLimit)
	case u.others == 0:
		return fail(fmt.Sprintf("nobody but the account itself (%s below %s)", aUser(&m.Users), m.Users.SearchBase), bindUsers, in(enableBindDN, name(a.o.Account.DN)))
	case a.o.User != "" && u.sample == "":
		return fail(fmt.Sprintf("%s, and none of them is %s", counted(u.entries, "user"), a.o.User), bindUsers,
			"compare the name with the username in JumpCloud: Jamf asks for exactly that")
	case u.sample == "":
		return fail(fmt.Sprintf("%s, none with the attribute %s", counted(u.entries, "user"), m.Users.Username),
			fmt.Sprintf(`map "Username" in %s to an attribute that they have`, jamfServer))
	case u.elsewhere == u.entries:
		return fail(fmt.Sprintf("%s, but not directly below upstream.base, where group members are looked for", counted(u.entries, "user")),
			fmt.Sprintf("upstream.base: %s", u.place), fmt.Sprintf(`the same in %s, as "Search Base"`, jamfServer))
	case u.elsewhere > 0:
		return warn(fmt.Sprintf("%s, %d of them not directly below upstream.base, where group members are looked for", counted(u.entries, "user"), u.elsewhere),
			fmt.Sprintf("see whether these have to be in Jamf; one group of them lies at %s", u.place))
	case u.cut != "":
		return warn(fmt.Sprintf("at least %s: %s", counted(u.entries, "user"), u.cut), raiseLimit, "the checks below know only these users")
	}
	return ok("%s, and the account itself", counted(u.others, "user"))
}

// userAttributes shows what Jamf would show of one user, and counts who lacks what.
func (a *account) userAttributes(ctx context.Context) *Finding {
	u, m := &a.users, a.mappings()
	fields := userFields(&m.Users)
	q := at(u.sampleDN)
	for _, f := range fields {
		q.Attributes = append(q.Attributes, f.attribute)
	}
	found, err := a.search(ctx, q)
	if err != nil || len(found.Entries) != 1 {
		if err == nil {
			err = fmt.Errorf("%s has gone", u.sample)
		}
		return searchFailed(err)
	}
	var shown, lacking, try []string
	for _, f := range fields {
		if v := found.Entries[0].GetEqualFoldAttributeValue(f.attribute); v != "" {
			shown = append(shown, f.label+" "+v)
		}
		if n := u.lacking[f.attribute]; n > 0 {
			lacking = append(lacking, fmt.Sprintf("%d of %d have no %s", n, u.entries, f.attribute))
			try = append(try, fmt.Sprintf("in JumpCloud, fill in what becomes %s for every user, or map %q to another attribute in %s", f.attribute, f.label, jamfServer))
		}
	}
	saw := strings.Join(shown, ", ")
	if len(lacking) > 0 {
		return warn(saw+"; "+strings.Join(lacking, ", "), try...)
	}
	return ok("%s", saw)
}
