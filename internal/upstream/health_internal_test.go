package upstream

import (
	"testing"
	"time"
)

func TestBackoff(t *testing.T) {
	now := time.Unix(1000, 0)
	var b backoff
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 30, 30, 30} {
		want *= time.Second
		b.add(now)
		first := b.until
		if wait := first.Sub(now); wait < want*3/4 || wait > want*5/4 {
			t.Errorf("waits %v, want about %v", wait, want)
		}
		b.add(now.Add(time.Millisecond)) // of the same moment
		if b.until != first {
			t.Error("failures of one moment count as several")
		}
		now = first
	}
}

func TestDoubtsOutlastADial(t *testing.T) {
	now := time.Unix(1000, 0)
	var h health
	h.answered(now)
	if h.state != up || h.probeAt.Sub(now) < probeEvery*3/4 {
		t.Errorf("%+v", h)
	}
	h.doubt(now)
	h.answered(now.Add(time.Millisecond))
	if h.state != suspect {
		t.Error("cleared by a connection, a moment later")
	}
	now = h.probeAt
	h.answered(now)
	if h.state != up {
		t.Error("not cleared by the probe")
	}
	h.doubt(now)
	if again := h.probeAt.Sub(now); again < 1500*time.Millisecond {
		t.Errorf("doubted again for %v, as if for the first time", again)
	}
	now = h.probeAt
	h.answered(now)
	now = now.Add(2 * probeEvery)
	h.doubt(now)
	if first := h.probeAt.Sub(now); first > 1250*time.Millisecond {
		t.Errorf("an old doubt is remembered for %v", first)
	}
	h.refused(now)
	h.doubt(now)
	if h.state != down {
		t.Error("a server that is down is more than suspect")
	}
	h.answered(now)
	if h.state != up {
		t.Error("a server that is back is up")
	}
}

func TestRanking(t *testing.T) {
	servers := []*server{{name: "down"}, {name: "suspect"}, {name: "unknown"}, {name: "up"}}
	for i, state := range []serverState{down, suspect, unknown, up} {
		servers[i].state = state
	}
	rank(servers)
	got := ""
	for _, s := range servers {
		got += s.name + " "
	}
	if got != "unknown up suspect down " {
		t.Errorf("got %s", got)
	}
	if n := len(answering(servers)); n != 2 {
		t.Errorf("%d answer", n)
	}
	if n := len(answering(servers[2:])); n != 2 {
		t.Errorf("%d of those that do not answer", n)
	}
}
