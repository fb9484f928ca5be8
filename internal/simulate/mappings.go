package simulate

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Mappings are the fields of an LDAP server in Jamf that decide what is asked.
// Behind each field stands its name in Jamf's pages. An attribute that is empty
// is not mapped.
type Mappings struct {
	Users      UserMappings       // User Mappings
	Groups     GroupMappings      // User Group Mappings
	Membership MembershipMappings // User Group Membership Mappings

	UseWildcards      bool          // Use Wildcards When Searching
	ConnectionTimeout time.Duration // Connection Timeout: how long Jamf waits for the bind
	SearchTimeout     time.Duration // Search Timeout
}

// Place says where entries are searched, and which.
type Place struct {
	ObjectClasses []string // Object Class(es)
	AnyOrAll      Limit    // Object Class Limitation
	SearchBase    string   // Search Base
	SearchScope   Scope    // Search Scope
}

// Limit says whether an entry needs one or all of the object classes.
type Limit string

// The values of Object Class Limitation.
const (
	Any Limit = "any"
	All Limit = "all"
)

// Scope says how far below the base is searched.
type Scope string

// The values of Search Scope.
const (
	AllSubtrees    Scope = "All Subtrees"
	FirstLevelOnly Scope = "First Level Only"
)

// UserMappings find users, and say which attribute is what.
type UserMappings struct {
	Place
	UserID     string // User ID
	Username   string // Username; users are looked up by it
	RealName   string // Real Name
	Email      string // Email Address
	Department string // Department
	Building   string // Building
	Room       string // Room
	Phone      string // Phone
	Position   string // Position
	UUID       string // User UUID
}

// GroupMappings find groups, and say which attribute is what.
type GroupMappings struct {
	Place
	ID   string // Group ID
	Name string // Group Name; groups are looked up by it
	UUID string // Group UUID
}

// MembershipMappings say how Jamf finds out who is in a group.
type MembershipMappings struct {
	StoredIn StoredIn // Membership Location
	// Attribute is Member User Mapping of a group object, Group Membership Mapping
	// of a user object.
	Attribute string
	UseDN     bool // Use distinguished name of member users (or user groups) when searching
	// The rest is for group objects.
	UseCompare       bool   // Use the LDAP compare operation when searching
	AppendToUsername string // Append to Username When Searching; not for a DN
}

// StoredIn is where a membership is written down.
type StoredIn string

// The values of Membership Location. Jamf's third one, a membership object, has
// no use with JumpCloud.
const (
	GroupObject StoredIn = "group object"
	UserObject  StoredIn = "user object"
)

// Default returns the mappings that JumpCloud's own instructions lead to, with
// the UUIDs that Jamf Pro 11.29 needs. Everything is below base.
func Default(base string) Mappings {
	return Mappings{
		Users: UserMappings{
			Place:  Place{ObjectClasses: []string{"inetOrgPerson"}, AnyOrAll: All, SearchBase: base, SearchScope: AllSubtrees},
			UserID: "uid", Username: "uid", RealName: "cn", Email: "mail", UUID: "entryUUID",
		},
		Groups: GroupMappings{
			Place: Place{ObjectClasses: []string{"groupOfNames"}, AnyOrAll: All, SearchBase: base, SearchScope: AllSubtrees},
			ID:    "gidNumber", Name: "cn", UUID: "entryUUID",
		},
		Membership:   MembershipMappings{StoredIn: GroupObject, Attribute: "member", UseDN: true},
		UseWildcards: true, ConnectionTimeout: 15 * time.Second, SearchTimeout: time.Minute,
	}
}

// field is an attribute that Jamf shows under a label.
type field struct{ label, attribute string }

func (u *UserMappings) fields() []field {
	return mapped([]field{
		{"User ID", u.UserID}, {"Username", u.Username}, {"Real Name", u.RealName}, {"Email Address", u.Email},
		{"Department", u.Department}, {"Building", u.Building}, {"Room", u.Room}, {"Phone", u.Phone},
		{"Position", u.Position}, {"User UUID", u.UUID},
	})
}

func (g *GroupMappings) fields() []field {
	return mapped([]field{{"Group ID", g.ID}, {"Group Name", g.Name}, {"Group UUID", g.UUID}})
}

func mapped(fields []field) []field {
	return slices.DeleteFunc(fields, func(f field) bool { return f.attribute == "" })
}

// attributes are those of the fields and the one more, each once.
func attributes(fields []field, more string) []string {
	var names []string
	for _, f := range append(fields, field{attribute: more}) {
		known := slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, f.attribute) })
		if f.attribute != "" && !known {
			names = append(names, f.attribute)
		}
	}
	return names
}

// attributeName is an attribute description, of names as directories have them.
var attributeName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._;-]*$`)

// check refuses mappings of which no filter can be made.
func (m *Mappings) check() error {
	for _, needed := range []struct{ label, attribute, example string }{
		{"Username", m.Users.Username, "uid"}, {"Group Name", m.Groups.Name, "cn"}, {"Member User Mapping", m.Membership.Attribute, "member"},
	} {
		if needed.attribute == "" {
			return fmt.Errorf("mappings: %s is empty; name an attribute, for example %s", needed.label, needed.example)
		}
	}
	for _, f := range slices.Concat(m.Users.fields(), m.Groups.fields(), []field{{"Member User Mapping", m.Membership.Attribute}}) {
		if !attributeName.MatchString(f.attribute) {
			return fmt.Errorf("mappings: %s is %q, which is not the name of an attribute", f.label, f.attribute)
		}
	}
	return nil
}
