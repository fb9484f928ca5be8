// Package jamf is an LDAP server of Jamf Pro as data: what is typed into its
// pages, under the labels that are there, and what its Classic API calls it.
//
// It reads what GET /JSSResource/ldapservers/id/N answers, XML or JSON, writes
// what creates such a server, recommends the fields that fit a proxy, and
// judges those of a server that is there. Names and labels are those of
// Jamf's own API documents and Terraform provider; see docs/simulate.md.
package jamf

import (
	"time"

	"jamf-ldap-proxy/internal/simulate"
)

// Server is an LDAP server as it is set up in Jamf. An attribute that is "" is
// not mapped.
type Server struct {
	Connection Connection
	Users      UserMappings
	Groups     simulate.GroupMappings
	Membership Membership
}

// Connection is the pane of that name.
type Connection struct {
	ID                int
	Name              string
	Host              string
	Port              int
	Type              string // Directory Service; Custom is "Configure Manually"
	UseSSL            bool
	Certificate       string // PEM or base64, or only a note that there is one
	Authentication    string // none, simple, CRAM-MD5 or DIGEST-MD5
	AccountDN         string
	ConnectionTimeout int // seconds
	SearchTimeout     int // seconds
	Referral          string
	UseWildcards      bool
	Enabled           bool
	MigratedTo        int // id of the cloud identity provider that took its place, or 0
}

// UserMappings are the user mappings with what Jamf does to an answer itself.
type UserMappings struct {
	simulate.UserMappings
	AppendToEmail string
}

// Membership are the user group membership mappings. Jamf keeps those of both
// locations, whichever is chosen.
type Membership struct {
	StoredIn simulate.StoredIn

	// Of group objects.
	MemberAttribute  string // Member User Mapping
	MemberUseDN      bool
	UseCompare       bool
	AppendToUsername string

	// Of user objects.
	GroupsAttribute string // Group Membership Mapping
	GroupsUseDN     bool
	SelectByMember  bool // Use the 'member' field for select membership queries

	Recursive bool
	Optimized bool // Membership calculation optimization

	// Of a membership object, which the pages call Other.
	simulate.Place
	Username string
	GroupID  string
}

// New returns what Jamf makes of a server of which nothing is said.
func New() *Server {
	return &Server{Connection: Connection{
		Port: 389, ConnectionTimeout: 15, SearchTimeout: 60, UseWildcards: true, Enabled: true,
	}}
}

// Mappings are the part that decides what is asked.
func (s *Server) Mappings() simulate.Mappings {
	m := simulate.Mappings{
		Users: s.Users.UserMappings, Groups: s.Groups,
		UseWildcards:      s.Connection.UseWildcards,
		ConnectionTimeout: time.Duration(s.Connection.ConnectionTimeout) * time.Second,
		SearchTimeout:     time.Duration(s.Connection.SearchTimeout) * time.Second,
	}
	in := &s.Membership
	m.Membership = simulate.MembershipMappings{
		StoredIn: in.StoredIn, Attribute: in.MemberAttribute, UseDN: in.MemberUseDN,
		UseCompare: in.UseCompare, AppendToUsername: in.AppendToUsername,
	}
	if in.StoredIn == simulate.UserObject {
		m.Membership = simulate.MembershipMappings{StoredIn: in.StoredIn, Attribute: in.GroupsAttribute, UseDN: in.GroupsUseDN}
	}
	return m
}

// usesOther tells whether the fields of a membership object are filled in.
func (m *Membership) usesOther() bool { return m.Username != "" || m.GroupID != "" }
