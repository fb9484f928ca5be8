package simulate

import (
	"fmt"

	"jamf-ldap-proxy/internal/ldap"
)

// refused tells what a result other than success means, and ends the question.
func (s *session) refused(step Step) error {
	code := ldap.ResultCode(step.Result)
	switch code {
	case ldap.Success, ldap.CompareFalse, ldap.CompareTrue:
		return nil
	}
	meaning, known := searchMeanings[code]
	if step.Op == "bind" {
		meaning, known = s.binds[code]
	}
	if !known {
		meaning, known = meanings[code]
	}
	if !known {
		meaning = Problem{fmt.Sprintf("The %s is refused", step.Op), "The log of the proxy has the whole story of this lookup."}
	}
	what := fmt.Sprintf("%s (%v, %d)", meaning.What, code, step.Result)
	if step.Diagnostic != "" {
		what += ": " + step.Diagnostic
	}
	s.tell(what, meaning.Try)
	return errTold
}

const (
	bindDN   = `In JumpCloud, tick "Enable as LDAP Bind DN" for the user of "Distinguished Username".`
	wholeDN  = `"Distinguished Username" is the whole DN: uid=NAME,ou=Users,o=YOUR_ORG_ID,dc=jumpcloud,dc=com`
	pickAuth = `Set "Authentication Type" in Jamf to simple.`
)

// What results mean in the words of Jamf and JumpCloud: of a bind of Jamf itself
// or of a user, of a search or a compare, and of any of them.
var (
	bindMeanings = map[ldap.ResultCode]Problem{
		ldap.InvalidCredentials: {"The password is wrong, or there is no user with this DN",
			`Check "Distinguished Username" and "Password" in Jamf. ` + wholeDN + `.`},
		ldap.InsufficientAccessRights: {"This user may not bind", bindDN},
		ldap.UnwillingToPerform: {"The server does not take a bind like this one",
			`Fill in both "Distinguished Username" and "Password" in Jamf.`},
		ldap.Busy: {"The proxy makes this account wait, or is busy itself",
			"After too many failed binds the proxy answers so for a while (limits.failed_binds): correct the password, then wait."},
		ldap.InvalidDNSyntax:             {"This is not a DN", wholeDN + "."},
		ldap.AuthMethodNotSupported:      {"The server does not take binds of this kind", pickAuth},
		ldap.InappropriateAuthentication: {"The server does not take binds of this kind", pickAuth},
		ldap.ConfidentialityRequired:     {"The server takes passwords over TLS only", `Tick "Use SSL" in Jamf.`},
	}
	// Of the bind of a user who logs in.
	loginMeanings = map[ldap.ResultCode]Problem{
		ldap.InvalidCredentials: {"The password is wrong, or the account is locked or suspended", "Try the password in the JumpCloud user portal."},
		ldap.InsufficientAccessRights: {"This user may not log in over LDAP",
			"In JumpCloud, bind the user to JumpCloud LDAP, directly or through a group."},
		ldap.UnwillingToPerform: {"The server does not take a login like this one", "An empty password is refused; else the directory wants the password changed."},
		ldap.Busy: {"The proxy makes this user wait, or is busy itself",
			"After too many wrong passwords the proxy answers so for a while (limits.failed_binds): wait, then try again."},
	}
	searchMeanings = map[ldap.ResultCode]Problem{
		ldap.NoSuchObject: {"The base does not exist, or not for this account",
			`Compare "Search Base" in Jamf with upstream.base. ` + bindDN},
		ldap.InsufficientAccessRights: {"This account may not search", bindDN},
		ldap.InvalidDNSyntax:          {"The base is not a DN", `Correct "Search Base" in Jamf.`},
		ldap.NoSuchAttribute: {"The group does not have the attribute at all, and Jamf may take that for an error instead of a no",
			`Compare "Member User Mapping" with the attributes of the group.`},
		ldap.UndefinedAttributeType: {"The directory does not know the attribute", `Correct "Member User Mapping" in Jamf.`},
		ldap.TimeLimitExceeded: {"The directory did not finish in time",
			`Type more of the name, choose a narrower "Search Base", or raise "Search Timeout" in Jamf.`},
	}
	meanings = map[ldap.ResultCode]Problem{
		ldap.Unavailable: {"The directory does not answer the proxy",
			"See upstream.servers, and whether this machine reaches them; the log of the proxy has the cause. If the account confirms logins on a phone, exempt it from that in JumpCloud."},
		ldap.Busy:               {"There are too many lookups at a time", "Try again. If it stays so, raise upstream.max_connections."},
		ldap.AdminLimitExceeded: {"The request is larger than the server allows", "See limits in the configuration of the proxy."},
	}
)
