package doctor

// Check is a check by its stable name.
type Check struct{ ID, Title string }

// Checks lists all checks in the order in which they are made.
func Checks() []Check {
	var all []Check
	all = appendChecks(all, serverChecks)
	all = appendChecks(all, accountChecks)
	all = appendChecks(all, jamfChecks)
	all = appendChecks(all, listenerChecks)
	return appendChecks(all, throughChecks)
}

func appendChecks[T any](all []Check, more []check[T]) []Check {
	for _, c := range more {
		all = append(all, Check{c.id, c.title})
	}
	return all
}
