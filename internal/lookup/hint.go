package lookup

import "strings"

// HintName returns the stable name of a hint, the part before the first colon:
// "bare-uid" for "bare-uid: member=jon.snow was read as a DN".
func HintName(hint string) string {
	name, _, _ := strings.Cut(hint, ":")
	return name
}
