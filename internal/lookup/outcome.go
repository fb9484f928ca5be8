package lookup

import (
	"strconv"
	"strings"
)

// Outcome is how a lookup ended, as an administrator would sort them.
type Outcome string

// Every outcome.
const (
	Answered Outcome = "ok"     // with entries, or a yes or no
	Empty    Outcome = "empty"  // a search that was answered with success, and found nothing
	Failed   Outcome = "failed" // with a result that is neither
	Silent   Outcome = "none"   // without an answer: none was due, or nobody waited for it any more
)

// Result codes of RFC 4511, section 4.1.9, that are no failure.
const (
	success            = 0
	compareFalse       = 5
	compareTrue        = 6
	saslBindInProgress = 14
)

// Outcome returns how the lookup ended.
func (r *Record) Outcome() Outcome {
	switch r.Result {
	case NoResult:
		return Silent
	case success:
		if r.Op == OpSearch && r.Entries == 0 {
			return Empty
		}
		return Answered
	case compareFalse, compareTrue, saslBindInProgress:
		return Answered
	}
	return Failed
}

// resultNames are the names of RFC 4511 that [Record.ResultName] may have.
var resultNames = []string{
	"success", "operationsError", "protocolError", "timeLimitExceeded", "sizeLimitExceeded", "compareFalse", "compareTrue",
	"authMethodNotSupported", "strongerAuthRequired", "referral", "adminLimitExceeded", "unavailableCriticalExtension",
	"confidentialityRequired", "saslBindInProgress", "noSuchAttribute", "undefinedAttributeType", "inappropriateMatching",
	"constraintViolation", "attributeOrValueExists", "invalidAttributeSyntax", "noSuchObject", "aliasProblem",
	"invalidDNSyntax", "aliasDereferencingProblem", "inappropriateAuthentication", "invalidCredentials",
	"insufficientAccessRights", "busy", "unavailable", "unwillingToPerform", "loopDetect", "namingViolation",
	"objectClassViolation", "notAllowedOnNonLeaf", "notAllowedOnRDN", "entryAlreadyExists", "objectClassModsProhibited",
	"affectsMultipleDSAs", "other",
}

// isCode reports whether s names a result that has no name there, as "code123".
func isCode(s string) bool {
	digits, found := strings.CutPrefix(strings.ToLower(s), "code")
	_, err := strconv.ParseUint(digits, 10, 31)
	return found && err == nil
}
