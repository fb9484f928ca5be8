package discovery

import (
	"context"
	"fmt"
	"runtime"
	"strconv"
	"testing"

	"jamf-ldap-proxy/internal/ber"
	"jamf-ldap-proxy/internal/ldap"
)

const benchBase = "ou=Users,o=5f0e1d2c3b4a59687766554a,dc=jumpcloud,dc=com"

// organisation is an upstream in memory: it makes its entries as they are read,
// so that what is measured is the reader's.
type organisation struct {
	groups, members int

	posix    bool
	next     int // entry of the page
	end      int // of the page
	request  string
	message  []byte
	heap     uint64 // the most seen at the end of a page
	watching bool
}

func (o *organisation) Send(_ ber.Tag, body, controls []byte) error {
	list, err := ldap.DecodeControls(string(controls), 1)
	if err != nil {
		return err
	}
	p, err := ldap.DecodePagedResults(list[0].Value)
	if err != nil {
		return err
	}
	o.next = 0
	if p.Cookie != "" {
		if _, err := fmt.Sscan(p.Cookie, &o.next); err != nil {
			return err
		}
	} else {
		o.posix, o.request = o.request != "", string(body)
	}
	o.end = min(o.groups, o.next+int(p.Size))
	return nil
}

func (o *organisation) Receive(context.Context) (ldap.Message, error) {
	if o.next == o.end {
		return o.done()
	}
	i := o.next
	o.next++
	body := o.message[:0]
	if o.posix {
		body = ber.Append(body, ber.OctetString, fmt.Sprintf("cn=lx%05d,%s", i, benchBase))
	} else {
		body = ber.Append(body, ber.OctetString, fmt.Sprintf("cn=Team %05d (Site %d),%s", i, i%7, benchBase))
	}
	body, list := ber.Begin(body, ber.Sequence, 1<<16)
	body, one := ber.Begin(body, ber.Sequence, 1<<16)
	body = ber.Append(body, ber.OctetString, map[bool]string{true: "memberUid", false: "member"}[o.posix])
	body, set := ber.Begin(body, ber.Set, 1<<16)
	var value [128]byte
	for k := range o.members {
		// A different order on either side, and different members in each group.
		user := (i*7919 + k*((i%5)*2+1)*104729) % 1_000_003
		if o.posix {
			body = ber.Append(body, ber.OctetString, strconv.AppendInt(append(value[:0], "user"...), int64(user), 10))
		} else {
			v := strconv.AppendInt(append(value[:0], "uid=user"...), int64(user), 10)
			body = ber.Append(body, ber.OctetString, append(v, ","+benchBase...))
		}
	}
	body = ber.End(body, set, 1<<16)
	body = ber.End(body, one, 1<<16)
	o.message = ber.End(body, list, 1<<16)
	return ldap.Message{Op: ldap.OpSearchResultEntry, Body: o.message}, nil
}

func (o *organisation) done() (ldap.Message, error) {
	if o.watching {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		o.heap = max(o.heap, m.HeapAlloc)
	}
	cookie := ""
	if o.end < o.groups {
		cookie = fmt.Sprint(o.end)
	}
	return ldap.Message{
		Op: ldap.OpSearchResultDone, Body: ldap.AppendResultBody(nil, &ldap.Result{}),
		Controls: ldap.AppendControl(nil, ldap.PagedResults{Cookie: cookie}.Control(false)),
	}, nil
}

// BenchmarkDiscover10000 reads and pairs ten thousand groups of a hundred
// members, on either side. peak-heap-B is the largest heap at the end of a
// page and after the pairing, live and garbage together, above what was there
// before; kept-B is what a result holds.
func BenchmarkDiscover10000(b *testing.B) {
	s := &Source{Base: benchBase, Class: "groupOfNames"}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var peak, kept uint64
	b.ReportAllocs()
	for b.Loop() {
		org := &organisation{groups: 10_000, members: 100, watching: true}
		groups, err := s.readFrom(context.Background(), org)
		if err != nil {
			b.Fatal(err)
		}
		r := Match(groups, nil)
		if len(r.Pairs) != 10_000 {
			b.Fatalf("%d pairs, %d ambiguous", len(r.Pairs), len(r.Ambiguous))
		}
		runtime.ReadMemStats(&after)
		peak = max(peak, org.heap, after.HeapAlloc)
		org = nil
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		kept = max(kept, after.HeapAlloc)
		runtime.KeepAlive(r)
		b.StartTimer()
	}
	b.ReportMetric(float64(peak-before.HeapAlloc), "peak-heap-B")
	b.ReportMetric(float64(kept-before.HeapAlloc), "kept-B")
}
