package doctor

import (
	"context"
	"fmt"
	"math"
	"strings"
	"time"
)

var jamfChecks = []check[*Options]{
	{"jamf-timeouts", "Time-outs", nil, (*Options).timeouts},
}

// timeouts compares how long Jamf waits with how long the proxy may.
func (o *Options) timeouts(context.Context) *Finding {
	u := &o.Config.Upstream
	var short, try []string
	for _, t := range []struct {
		what, knobs, label string
		proxy, jamf        time.Duration
	}{
		{"a login", "upstream.connect_timeout and upstream.bind_timeout", "Connection Timeout", u.ConnectTimeout + u.BindTimeout, o.JamfConnectionTimeout},
		{"a search", "upstream.search_timeout", "Search Timeout", u.SearchTimeout, o.JamfSearchTimeout},
	} {
		if t.proxy <= t.jamf {
			continue
		}
		short = append(short, fmt.Sprintf("%s may take %s (%s), and Jamf gives up after %s", t.what, seconds(t.proxy), t.knobs, seconds(t.jamf)))
		try = append(try, fmt.Sprintf("%q in %s: %.0f or more; or lower %s", t.label, jamfServer, math.Ceil(t.proxy.Seconds()), t.knobs))
	}
	if len(short) > 0 {
		return warn(strings.Join(short, "; "), try...)
	}
	return ok("Jamf waits %s for a login and %s for a search, the proxy %s and %s",
		seconds(o.JamfConnectionTimeout), seconds(o.JamfSearchTimeout), seconds(u.ConnectTimeout+u.BindTimeout), seconds(u.SearchTimeout))
}

func seconds(d time.Duration) string { return fmt.Sprintf("%g s", d.Seconds()) }
