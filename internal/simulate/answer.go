package simulate

import "jamf-ldap-proxy/internal/lookup"

// The values of [Answer.Question].
const (
	QuestionUser       = "user"
	QuestionGroup      = "group"
	QuestionMembership = "membership"
	QuestionLogin      = "login"
)

// Bounds of an answer.
const (
	maxEntries = 100  // per search
	maxValues  = 20   // of an attribute
	maxText    = 1024 // bytes of a value, DN or message
	maxFilter  = 2048 // bytes
)

// Answer is what Jamf would show, how it came about, and what to look at. Its
// lists are never nil.
type Answer struct {
	Question string  `json:"question"`
	Users    []Entry `json:"users"`  // found, at most 100
	Groups   []Entry `json:"groups"` // found, at most 100
	// Membership is the verdict; nil when the question was another one, or could
	// not be put because the user or the group was not found.
	Membership *Membership `json:"membership,omitempty"`
	// Login is the same for a login.
	Login    *Login    `json:"login,omitempty"`
	Steps    []Step    `json:"steps"`
	Problems []Problem `json:"problems"`
}

// Entry is a user or a group as Jamf shows it.
type Entry struct {
	DN   string `json:"dn"`
	Rows []Row  `json:"rows"` // one for each mapped field
	// Members counts the values of the group's member attribute; nil where they are
	// not asked for: of users, and when memberships are stored in user objects.
	Members *int `json:"members,omitempty"`
}

// Row is one mapped field of an entry.
type Row struct {
	Label     string   `json:"label"` // as in Jamf: Real Name
	Attribute string   `json:"attribute"`
	Values    []string `json:"values"`         // one printable line each
	More      int      `json:"more,omitempty"` // values that are not shown
	Missing   bool     `json:"missing"`        // the entry does not have the attribute
}

// Membership is the verdict on a user and a group.
type Membership struct {
	Member bool   `json:"member"`
	By     string `json:"by"` // the question that decided it
}

// Login is how the password of a user was taken.
type Login struct {
	DN       string `json:"dn"` // as which was bound
	Accepted bool   `json:"accepted"`
}

// NoResult is the Result of a step that got no answer.
const NoResult = lookup.NoResult

// Step is one request and its result.
type Step struct {
	Op         string   `json:"op"`              // bind, search or compare
	Base       string   `json:"base"`            // of a bind and a compare: the entry
	Scope      string   `json:"scope,omitempty"` // of a search: base, one or sub
	Filter     string   `json:"filter,omitempty"`
	Attributes []string `json:"attrs,omitempty"`
	Result     int      `json:"result"` // LDAP result code, or NoResult
	ResultName string   `json:"result_name"`
	Diagnostic string   `json:"diagnostic"` // what the server said
	Entries    int      `json:"entries"`
	Ms         float64  `json:"ms"`
}

// Problem is something in the answer that an administrator should look at.
type Problem struct {
	What string `json:"what"`
	Try  string `json:"try"` // "" when there is nothing to do
}

func newAnswer(question string) *Answer {
	return &Answer{Question: question, Users: []Entry{}, Groups: []Entry{}, Steps: []Step{}, Problems: []Problem{}}
}

func clip(s string) string { return lookup.Clip(s, maxText) }
