package web

import (
	"fmt"
	"time"

	"jamf-ldap-proxy/internal/lookup"
)

// kindWords name the questions as Jamf's Test pane and its settings do.
var kindWords = map[string]string{
	lookup.KindUser:       "User",
	lookup.KindGroup:      "User group",
	lookup.KindMembership: "Membership",
	lookup.KindUserGroups: "Groups of a user",
	lookup.KindMembers:    "Members of a group",
	lookup.KindRootDSE:    "Server information",
	lookup.KindSchema:     "Schema",
	lookup.KindBind:       "Login",
	lookup.KindOther:      "Other",
}

// clientWords name the library that speaks.
var clientWords = map[string]string{
	lookup.ClientJNDI:      "Java (JNDI), as Jamf Pro",
	lookup.ClientUnboundID: "UnboundID, as Jamf Pro's cloud directories",
	lookup.ClientOther:     "another client",
}

func kindWord(r *lookup.Record) string {
	if r.Op != lookup.OpSearch && r.Op != lookup.OpCompare && r.Op != lookup.OpBind {
		return r.Op
	}
	return kindWords[r.Kind]
}

// answerWords say what the client was told, in as few words as a column has.
func answerWords(r *lookup.Record) string {
	switch {
	case r.Result == lookup.NoResult:
		return "no answer"
	case r.Result == 0 && r.Op == lookup.OpSearch:
		return entriesWord(r.Entries)
	case r.Result == 0 && r.Op == lookup.OpBind:
		return "accepted"
	case r.Result == 49 && r.Op == lookup.OpBind:
		return "wrong password or user"
	case r.Result == 5:
		return "no"
	case r.Result == 6:
		return "yes"
	case r.Result == 0:
		return "done"
	case r.ResultName == "":
		return fmt.Sprintf("result %d", r.Result)
	}
	return r.ResultName
}

func entriesWord(n int) string {
	switch n {
	case 0:
		return "nothing found"
	case 1:
		return "1 entry"
	}
	return fmt.Sprintf("%d entries", n)
}

// resultMeaning explains a result to somebody who knows Jamf and not LDAP. What is
// not here is rare; its name has to do.
var resultMeaning = map[int]string{
	lookup.NoResult: "Nothing was answered, because nothing was due or the client did not wait for it.",
	0:               "The directory answered the question.",
	1:               "The directory did not expect this request now. It is a matter of the client, not of a setting.",
	2:               "The request is not LDAP as version 3 has it.",
	3:               "The directory did not answer within the time limit (Search Timeout in Jamf, upstream.search_timeout here).",
	4:               "There are more entries than the client or the directory allows in one answer. Those that fit were sent.",
	5:               "The answer to the comparison is no.",
	6:               "The answer to the comparison is yes.",
	7:               "The client wanted to log in in a way that is not offered. In Jamf, set Authentication Type to Simple.",
	10:              "The directory points to another server. Such pointers are not followed.",
	11:              "The request is larger than the proxy or the directory allows.",
	12:              "The client insists on an extension that is not offered here.",
	16:              "The entry has no such attribute.",
	17:              "The directory does not know an attribute of the request.",
	21:              "A value does not have the form that its attribute demands.",
	32:              "The base of the search does not exist, or this user may not see it. Compare Search Base in Jamf with upstream.base.",
	34:              "A distinguished name is not written as one. Compare Search Base and Distinguished Username in Jamf.",
	48:              "This user may not log in this way.",
	49:              "The directory refused the user or the password. Nothing else leads to this result.",
	50:              "Who asks is not allowed to. Without a login only the server information may be read; in JumpCloud, a user that searches needs “Enable as LDAP Bind DN”.",
	51:              "The proxy has no room for this request now, or holds back a login after several wrong passwords. The text of the answer names the limit.",
	52:              "The directory could not be asked. This is not a wrong password and not an empty answer; the log has the cause.",
	53:              "The proxy does not do this: it only reads, and it refuses a login without a password.",
	80:              "Something went wrong that no other result describes.",
}

// emptyMeaning is for a success without entries, which Jamf shows as nothing.
const emptyMeaning = "The directory answered, and found nothing that fits: no entry below the base has all that the filter asks for, " +
	"or this user may not see it."

func meaningOf(r *lookup.Record) string {
	if r.Outcome() == lookup.Empty {
		return emptyMeaning
	}
	if r.Op == lookup.OpBind && r.Result == 0 {
		return "The directory accepted user and password."
	}
	return resultMeaning[r.Result]
}

// duration has one unit per magnitude, so that slow stands out.
func duration(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 100*time.Millisecond:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1000)
	case d < 100*time.Microsecond:
		return fmt.Sprintf("%d µs", d.Microseconds())
	}
	return fmt.Sprintf("%.1f ms", d.Seconds()*1000)
}

// ago says how long something has been, roughly.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "never"
	}
	switch d := now.Sub(t); {
	case d < 2*time.Second:
		return "now"
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s ago", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min ago", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h ago", int(d.Hours()))
	default:
		return fmt.Sprintf("%d days ago", int(d.Hours()/24))
	}
}

// share is a part in percent.
func share(part, whole uint64) string {
	switch {
	case whole == 0 || part == 0:
		return "0 %"
	case part*100 < whole:
		return "< 1 %"
	}
	return fmt.Sprintf("%d %%", part*100/whole)
}

func bytesWord(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	case n >= 1<<10:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	}
	return fmt.Sprintf("%d bytes", n)
}
