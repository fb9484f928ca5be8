package jamf

import (
	"fmt"
	"strings"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/internal/simulate"
)

// Level is how bad a finding is.
type Level string

// The levels.
const (
	OK   Level = "ok"
	Warn Level = "warn" // works, but not as well as it could, or not for all
	Fail Level = "fail" // cannot work
)

// Finding is what was found out about a field.
type Finding struct {
	Level   Level  `json:"level"`
	Section string `json:"section"`
	Label   string `json:"label"`
	Value   string `json:"value"`
	Why     string `json:"why"`
	Try     string `json:"try,omitempty"`
}

// Check judges a server by what the proxy does. now is for certificates.
func Check(site *Site, s *Server, now time.Time) []Finding {
	c := &checker{site: site, server: s, now: now}
	c.connection()
	c.users()
	c.groups()
	c.membership()
	return c.findings
}

// Worst is the worst level of findings.
func Worst(findings []Finding) Level {
	worst := OK
	for _, f := range findings {
		if f.Level == Fail || f.Level == Warn && worst == OK {
			worst = f.Level
		}
	}
	return worst
}

// checker collects findings, one for each field that matters.
type checker struct {
	site     *Site
	server   *Server
	now      time.Time
	section  string
	findings []Finding
}

func (c *checker) add(level Level, label, value, why, try string) {
	if value == "" {
		value = "(empty)"
	}
	c.findings = append(c.findings, Finding{level, c.section, label, clip(value), why, try})
}

func (c *checker) ok(label, value, why string)        { c.add(OK, label, value, why, "") }
func (c *checker) warn(label, value, why, try string) { c.add(Warn, label, value, why, try) }
func (c *checker) fail(label, value, why, try string) { c.add(Fail, label, value, why, try) }

func ticked(on bool) string {
	if on {
		return "ticked"
	}
	return "not ticked"
}

// place judges where users or groups are searched.
func (c *checker) place(p *simulate.Place) {
	const label = "Search Base"
	inside, above, valid := c.site.below(p.SearchBase)
	switch {
	case p.SearchBase == "":
		c.fail(label, "", "Jamf searches from the top of the directory, where JumpCloud shows nothing.", c.site.Base)
	case !valid:
		c.fail(label, p.SearchBase, "This is no DN.", c.site.Base)
	case !inside && !above:
		c.fail(label, p.SearchBase, "Users and groups are below upstream.base, "+c.site.Base+", and nothing of them here.", c.site.Base)
	case above && !inside && p.SearchScope == simulate.FirstLevelOnly:
		c.fail(label, p.SearchBase, "Users and groups are further below than the first level.", c.site.Base)
	case above && !inside:
		c.warn(label, p.SearchBase, "This is above upstream.base; the account may not be allowed to search there.", c.site.Base)
	case !sameDN(p.SearchBase, c.site.Base):
		c.warn(label, p.SearchBase, "This is below upstream.base; JumpCloud has users and groups directly in that, so nothing may be here.", c.site.Base)
	default:
		c.ok(label, p.SearchBase, "upstream.base.")
	}
	if p.SearchScope != simulate.AllSubtrees && p.SearchScope != simulate.FirstLevelOnly {
		c.warn("Search Scope", string(p.SearchScope), "Jamf knows All Subtrees and First Level Only.", string(simulate.AllSubtrees))
	}
	if len(p.ObjectClasses) > 1 && p.AnyOrAll != simulate.Any && p.AnyOrAll != simulate.All {
		c.warn("Object Class Limitation", string(p.AnyOrAll), "Jamf knows any and all.", string(simulate.All))
	}
}

func sameDN(a, b string) bool {
	x, errX := ldap.ParseDN(a)
	y, errY := ldap.ParseDN(b)
	return errX == nil && errY == nil && x.Equal(y)
}

// foreign are attributes that other directories have in place of JumpCloud's, in
// lower case.
var foreign = map[string]string{
	"samaccountname": "uid", "userprincipalname": "mail", "objectguid": "entryUUID", "objectsid": "uidNumber",
	"generateduid": "entryUUID", "apple-generateduid": "entryUUID", "distinguishedname": "uid", "dn": "uid", "name": "cn",
	"department": "departmentNumber", "primarygroupid": "gidNumber", "guid": "entryUUID", "workforceid": "employeeNumber",
}

// attribute judges the mapping of one attribute, and tells whether it is done with it.
func (c *checker) attribute(label, name string) bool {
	switch instead, isForeign := foreign[strings.ToLower(name)]; {
	case name == "":
		return false
	case isForeign:
		c.fail(label, name, "JumpCloud's entries do not have this attribute; it is one of another directory.", instead)
		return true
	case !isAttribute(name):
		c.fail(label, name, "This is not the name of an attribute.", "")
		return true
	}
	return false
}

func isAttribute(name string) bool {
	for _, r := range name {
		isLetter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !isLetter && !strings.ContainsRune(".-_;", r) {
			return false
		}
	}
	return name != ""
}

func is(name, attribute string) bool { return ldap.SameAttributeType(name, attribute) }

// list writes names as a sentence has them.
func list(names []string) string {
	if len(names) < 2 {
		return strings.Join(names, "")
	}
	last := len(names) - 1
	return fmt.Sprintf("%s and %s", strings.Join(names[:last], ", "), names[last])
}
