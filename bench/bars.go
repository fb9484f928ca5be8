package main

import "fmt"

// bar is what the project wants to reach, and how it is read off a run.
type bar struct {
	what  string
	limit float64
	unit  string
	reach func(*report) (float64, bool)
}

var bars = []bar{
	{"user passed through, CPU against HAProxy", 1.5, "×", cpuRatio("persist", userLoad, posixName, haproxyName)},
	{"user passed through, CPU against back-ldap", 0.5, "×", cpuRatio("persist", userLoad, posixName, backName)},
	{"membership translated, CPU against HAProxy", 1.6, "×", cpuRatio("persist", membershipLoad, posixName, haproxyName)},
	{"group of 500 with DNs made, CPU against HAProxy", 2.5, "×", cpuRatio("persist", largeLoad, posixName, haproxyName)},
	{"cache hit, user, CPU against HAProxy", 0.5, "×", cpuRatio("persist", userLoad, cachedName, haproxyName)},
	{"40 ms away, a connection per lookup, nothing cached", 85, "ms", lineMedian(lineWarm)},
	{"40 ms away, a connection per lookup, bind cached", 45, "ms", lineMedian(lineBind)},
	{"40 ms away, a connection per lookup, all cached", 1, "ms", lineMedian(lineCached)},
	{"every sink on, CPU against the log alone", 1.25, "×", cpuRatio("sinks", mixedLoad, sinksName, logName)},
	{"an idle client's memory", 14, "KiB", idleMemory},
}

// cpuRatio is the median of the rounds' ratios.
func cpuRatio(group, load, peer, against string) func(*report) (float64, bool) {
	return func(r *report) (float64, bool) {
		for _, c := range r.comparisons {
			if c.name == group {
				return c.ratio(load, peer, against, cpuOf)
			}
		}
		return 0, false
	}
}

func lineMedian(peer string) func(*report) (float64, bool) {
	return func(r *report) (float64, bool) {
		for _, c := range r.comparisons {
			if c.name == "line" && c.manner == perLookup && c.clients == 1 {
				list := c.of(userLoad, peer)
				return median(list, p50Of) / 1000, len(list) > 0
			}
		}
		return 0, false
	}
}

func idleMemory(r *report) (float64, bool) {
	for _, h := range r.holdings {
		if h.peer == posixName {
			return h.each() / 1024, true
		}
	}
	return 0, false
}

func (b bar) row(r *report) string {
	reached, ok := b.reach(r)
	if !ok {
		return fmt.Sprintf("| %s | at most %g %s | - | not measured |\n", b.what, b.limit, b.unit)
	}
	verdict := "met"
	if reached > b.limit {
		verdict = "**missed**"
	}
	return fmt.Sprintf("| %s | at most %g %s | %.2f %s | %s |\n", b.what, b.limit, b.unit, reached, b.unit, verdict)
}
