package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"jamf-ldap-proxy/internal/ldap"
	"jamf-ldap-proxy/test/faults"
)

// weather counts the faults.
type weather struct {
	mu   sync.Mutex
	seen map[string]int
}

func newWeather() *weather { return &weather{seen: map[string]int{}} }

func (w *weather) note(what string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen[what]++
}

// fault is one kind of bad day. It begins with start; when its time is over
// the line is good again.
type fault struct {
	what  string
	start func(r *rand.Rand, line *faults.Proxy)
}

func toxic(what string, make func(r *rand.Rand) faults.Toxic) fault {
	return fault{what, func(r *rand.Rand, line *faults.Proxy) { line.Set(make(r)) }}
}

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }

// anyLine are the faults of octets, which a line with TLS can have too.
var anyLine = []fault{
	{"none", func(*rand.Rand, *faults.Proxy) {}},
	{"refused", func(_ *rand.Rand, line *faults.Proxy) { line.Refuse() }},
	{"unreachable", func(_ *rand.Rand, line *faults.Proxy) { line.Refuse(); line.Each((*faults.Conn).Reset) }},
	{"all closed", func(_ *rand.Rand, line *faults.Proxy) { line.Each((*faults.Conn).Close) }},
	{"all reset", func(_ *rand.Rand, line *faults.Proxy) { line.Each((*faults.Conn).Reset) }},
	{"all half-closed", func(_ *rand.Rand, line *faults.Proxy) { line.Each((*faults.Conn).HalfClose) }},
	toxic("latency", func(r *rand.Rand) faults.Toxic { return faults.Latency(milliseconds(1 + r.IntN(200))) }),
	toxic("narrow line", func(r *rand.Rand) faults.Toxic { return faults.Slicer(200+r.IntN(4000), milliseconds(1+r.IntN(5))) }),
	toxic("small pieces", func(r *rand.Rand) faults.Toxic { return faults.Slicer(1+r.IntN(64), 0) }),
	toxic("drip", func(*rand.Rand) faults.Toxic { return faults.Slicer(1, 200*time.Millisecond) }),
	toxic("silence", func(*rand.Rand) faults.Toxic { return faults.Swallow() }),
	toxic("closed mid-answer", func(r *rand.Rand) faults.Toxic { return faults.LimitData(r.IntN(6000), (*faults.Conn).Close) }),
	toxic("reset mid-answer", func(r *rand.Rand) faults.Toxic { return faults.LimitData(r.IntN(6000), (*faults.Conn).Reset) }),
	toxic("half-closed mid-answer", func(r *rand.Rand) faults.Toxic {
		return faults.LimitData(r.IntN(6000), (*faults.Conn).HalfClose)
	}),
	toxic("garbage", func(r *rand.Rand) faults.Toxic { return faults.Garbage(nonsense(r)) }),
}

// messageLine are those of a server that is broken itself.
var messageLine = []fault{
	spoiled("wrong message ID", func(m *ldap.Message) []byte { return ldap.AppendEnvelope(nil, m.ID+1, m.Tail) }),
	spoiled("message ID of before", func(m *ldap.Message) []byte { return ldap.AppendEnvelope(nil, max(1, m.ID-1), m.Tail) }),
	spoiled("wrong operation", func(m *ldap.Message) []byte {
		return ldap.AppendOperation(nil, m.ID, ldap.OpModifyResponse, m.Body, nil)
	}),
	spoiled("answered twice", func(m *ldap.Message) []byte {
		return ldap.AppendEnvelope(ldap.AppendEnvelope(nil, m.ID, m.Tail), m.ID, m.Tail)
	}),
	spoiled("answers the next as well", func(m *ldap.Message) []byte {
		return ldap.AppendEnvelope(ldap.AppendEnvelope(nil, m.ID, m.Tail), m.ID+1, m.Tail)
	}),
	spoiled("referral", func(m *ldap.Message) []byte {
		return ldap.AppendResult(nil, m.ID, m.Op, &ldap.Result{Code: ldap.Referral}, nil)
	}),
	spoiled("notice of disconnection", func(*ldap.Message) []byte {
		return ldap.AppendNoticeOfDisconnection(nil, ldap.Unavailable, "soak")
	}),
	spoiled("result dropped", func(*ldap.Message) []byte { return nil }),
	spoiled("half a result", func(m *ldap.Message) []byte { return ldap.AppendEnvelope(nil, m.ID, m.Tail)[:5] }),
	spoiled("2 GiB announced", func(*ldap.Message) []byte { return []byte{0x30, 0x84, 0x7f, 0xff, 0xff, 0xff, 2, 1} }),
}

// spoiled changes about every fourth result. Entries stay: nobody could tell
// that one is missing, or twice.
func spoiled(what string, change func(m *ldap.Message) []byte) fault {
	return toxic(what, func(r *rand.Rand) faults.Toxic {
		seed := r.Uint64()
		return faults.Messages(func(raw []byte) []byte {
			m, err := ldap.ParseMessage(raw)
			if err != nil || m.Op == ldap.OpSearchResultEntry || (seed+uint64(m.ID))%4 != 0 {
				return raw
			}
			return change(&m)
		})
	})
}

// nonsense never begins like a message.
func nonsense(r *rand.Rand) []byte {
	b := make([]byte, 1+r.IntN(200))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	b[0] = 'H'
	return b
}

// rain spoils both lines, each in an order of its own, until ctx ends. Then
// they are good.
func (s *site) rain(ctx context.Context, seed uint64) *sync.WaitGroup {
	var wg sync.WaitGroup
	for i, line := range s.lines {
		list := anyLine
		if i == 0 {
			list = append(append([]fault(nil), anyLine...), messageLine...)
		}
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		wg.Go(func() {
			for ctx.Err() == nil {
				s.spoil(ctx, r, line, list[r.IntN(len(list))])
			}
		})
	}
	return &wg
}

func (s *site) spoil(ctx context.Context, r *rand.Rand, line *faults.Proxy, f fault) {
	s.weather.note(f.what)
	f.start(r, line)
	pause(ctx, milliseconds(50+r.IntN(1500)))
	line.Set(nil)
	if err := line.Accept(); err != nil {
		s.weather.note("line lost: " + err.Error())
	}
	pause(ctx, milliseconds(r.IntN(2000)))
}

// pause waits, or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
