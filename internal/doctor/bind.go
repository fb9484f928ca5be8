package doctor

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	goldap "github.com/go-ldap/ldap/v3"

	"jamf-ldap-proxy/internal/ldap"
)

const strongerAuthRequired ldap.ResultCode = 8

// expiresSoon is when a password that expires is worth a word.
const expiresSoon = 14 * 24 * time.Hour

func (a *account) bind(ctx context.Context) *Finding {
	c, err := a.server.dial(ctx)
	if err != nil {
		return fail("connecting again: " + err.Error())
	}
	a.client = c
	start := time.Now()
	policy, err := a.login(ctx, c)
	switch result, refused := answerOf(err); {
	case refused:
		return a.refused(result, policy)
	case err != nil:
		return a.unanswered(err)
	}
	took := time.Since(start)
	if policy != nil && policy.Expire >= 0 {
		if left := time.Duration(policy.Expire) * time.Second; left < expiresSoon {
			return warn(fmt.Sprintf("as %s, in %s; the password expires in %s", name(a.o.Account.DN), shortly(took), counted(int(left.Hours()/24), "day")),
				in(`in JumpCloud, Users > NAME, let the password never expire, or change it in time there, in Jamf and in `+a.o.Account.Knob, name(a.o.Account.DN)))
		}
	}
	return ok("as %s, in %s", name(a.o.Account.DN), shortly(took))
}

// refused tells apart what a server lets us tell apart. Most answer a wrong
// password, an unknown DN and a locked account alike.
func (a *account) refused(result answer, policy *goldap.ControlBeheraPasswordPolicy) *Finding {
	saw := "the server refuses: " + result.String()
	if policy != nil && policy.Error >= 0 {
		saw += "; it adds: " + policy.ErrorString
	}
	who := name(a.o.Account.DN)
	wholeDN := fmt.Sprintf(`check the DN in %s and "Distinguished Username" in %s: %s, with your organisation's ID`, a.o.Account.Knob, jamfServer, dnExample)
	switch result.code {
	case ldap.InvalidCredentials:
		return fail(saw, a.wrongCredentials(policy, wholeDN)...)
	case ldap.NoSuchObject, ldap.InvalidDNSyntax:
		return fail(saw, wholeDN)
	case ldap.ConfidentialityRequired, strongerAuthRequired:
		return fail(saw, fmt.Sprintf("ldaps://%s in upstream.servers, or upstream.starttls: true: the server takes passwords over TLS only", a.server.host))
	case ldap.UnwillingToPerform, ldap.InsufficientAccessRights, ldap.InappropriateAuthentication:
		return fail(saw, wholeDN, fmt.Sprintf("in JumpCloud, Users > %s, see that the user is active and bound to JumpCloud LDAP", who))
	case ldap.Busy, ldap.Unavailable:
		return fail(saw, "wait, and see status.jumpcloud.com: the directory is out of order")
	}
	return fail(saw, wholeDN)
}

// The values of the password policy control, draft-behera-ldap-password-policy.
const (
	passwordExpired  = 0
	accountLocked    = 1
	changeAfterReset = 2
)

func (a *account) wrongCredentials(policy *goldap.ControlBeheraPasswordPolicy, wholeDN string) (try []string) {
	who := name(a.o.Account.DN)
	if policy != nil {
		switch policy.Error {
		case accountLocked:
			return []string{fmt.Sprintf("in JumpCloud, Users > %s, unlock the account, and find out who tries a wrong password", who)}
		case passwordExpired, changeAfterReset:
			return []string{fmt.Sprintf("in JumpCloud, Users > %s, set a new password and let it never expire", who)}
		}
	}
	if a.server.host == mfaHost {
		try = append(try, "on "+mfaHost+" a user with MFA writes password,123456, or confirms on a phone: exempt the account from the policy for JumpCloud LDAP, or name ldap.jumpcloud.com in upstream.servers")
	}
	dn, err := ldap.ParseDN(a.o.Account.DN)
	base, baseErr := ldap.ParseDN(a.o.Config.Upstream.Base)
	if err == nil && baseErr == nil && !dn.Below(base) {
		try = append(try, fmt.Sprintf("the DN does not lie below upstream.base, %s: one of the two has another organisation's ID, or a part is missing", a.o.Config.Upstream.Base))
	}
	return append(try,
		fmt.Sprintf("check the password of %s, which comes from %s", who, a.o.Account.Knob),
		wholeDN+"; the server does not tell a wrong DN from a wrong password",
		fmt.Sprintf("in JumpCloud, Users > %s, see that the user is not locked, suspended or expired; do not repeat this often, because failed binds may lock it", who))
}

// unanswered is a bind without an answer.
func (a *account) unanswered(err error) *Finding {
	var late *lateError
	switch {
	case errors.As(err, &late) && a.server.host == mfaHost:
		return fail(err.Error()+"; on "+mfaHost+" a user with MFA has 60 s to confirm on a phone",
			"exempt the account from the policy for JumpCloud LDAP: Jamf cannot confirm",
			"ldap.jumpcloud.com in upstream.servers, if no user needs MFA here")
	case errors.As(err, &late):
		return fail(err.Error(), "see status.jumpcloud.com: the connection was accepted, but nobody answers",
			"if the account has to confirm logins on a phone, exempt it in JumpCloud")
	case strings.Contains(err.Error(), "certificate required"): // which TLS 1.3 tells behind the handshake
		return fail(err.Error(), noClientCertificate)
	}
	return fail(strings.TrimPrefix(err.Error(), `LDAP Result Code 200 "Network Error": `),
		"the server ended the connection instead of answering; see status.jumpcloud.com, and whether a firewall looks into the connection")
}
