package metrics

import "jamf-ldap-proxy/internal/lookup"

// resultNames are the result codes of RFC 4511 (section 4.1.9) and of RFC 3909 and
// 4528. Codes, unlike the names in records, cannot be misspelt into "other".
var resultNames = map[int]string{
	lookup.NoResult: "none",

	0:   "success",
	1:   "operationsError",
	2:   "protocolError",
	3:   "timeLimitExceeded",
	4:   "sizeLimitExceeded",
	5:   "compareFalse",
	6:   "compareTrue",
	7:   "authMethodNotSupported",
	8:   "strongerAuthRequired",
	10:  "referral",
	11:  "adminLimitExceeded",
	12:  "unavailableCriticalExtension",
	13:  "confidentialityRequired",
	14:  "saslBindInProgress",
	16:  "noSuchAttribute",
	17:  "undefinedAttributeType",
	18:  "inappropriateMatching",
	19:  "constraintViolation",
	20:  "attributeOrValueExists",
	21:  "invalidAttributeSyntax",
	32:  "noSuchObject",
	33:  "aliasProblem",
	34:  "invalidDNSyntax",
	36:  "aliasDereferencingProblem",
	48:  "inappropriateAuthentication",
	49:  "invalidCredentials",
	50:  "insufficientAccessRights",
	51:  "busy",
	52:  "unavailable",
	53:  "unwillingToPerform",
	54:  "loopDetect",
	64:  "namingViolation",
	65:  "objectClassViolation",
	66:  "notAllowedOnNonLeaf",
	67:  "notAllowedOnRDN",
	68:  "entryAlreadyExists",
	69:  "objectClassModsProhibited",
	71:  "affectsMultipleDSAs",
	80:  other,
	118: "canceled",
	119: "noSuchOperation",
	120: "tooLate",
	121: "cannotCancel",
	122: "assertionFailed",
}

// resultLabel returns the name of a result code, which upstream chooses freely.
func resultLabel(code int) string {
	if name, ok := resultNames[code]; ok {
		return name
	}
	return other
}
