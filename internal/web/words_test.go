package web_test

import (
	"testing"
	"time"

	"jamf-ldap-proxy/internal/web"
)

func TestDuration(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 µs", 999: "0 µs", 99 * time.Microsecond: "99 µs", 100 * time.Microsecond: "0.1 ms", 1500 * time.Microsecond: "1.5 ms",
		99 * time.Millisecond: "99.0 ms", 100 * time.Millisecond: "100 ms", 999 * time.Millisecond: "999 ms", time.Second: "1.00 s", 90 * time.Second: "90.00 s",
	} {
		if got := web.Duration(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "now", 0: "now", 1900 * time.Millisecond: "now", 2 * time.Second: "2 s ago", 119 * time.Second: "119 s ago", 2 * time.Minute: "2 min ago",
		119 * time.Minute: "119 min ago", 2 * time.Hour: "2 h ago", 47 * time.Hour: "47 h ago", 48 * time.Hour: "2 days ago", 1000 * time.Hour: "41 days ago",
	} {
		if got := web.Ago(noon, noon.Add(-d)); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
	if got := web.Ago(noon, time.Time{}); got != "never" {
		t.Errorf("the zero time: %s", got)
	}
}

func TestShare(t *testing.T) {
	for _, tt := range []struct {
		part, whole uint64
		want        string
	}{
		{0, 0, "0 %"}, {0, 5, "0 %"}, {1, 1000, "< 1 %"}, {1, 100, "1 %"}, {1, 3, "33 %"}, {999, 1000, "99 %"}, {5, 5, "100 %"},
	} {
		if got := web.Share(tt.part, tt.whole); got != tt.want {
			t.Errorf("%d of %d: %s, want %s", tt.part, tt.whole, got, tt.want)
		}
	}
}

func TestBytesWord(t *testing.T) {
	for n, want := range map[int64]string{
		0: "0 bytes", 1023: "1023 bytes", 1024: "1.0 KiB", 1536: "1.5 KiB", 1 << 20: "1.0 MiB", 5 << 29: "2.5 GiB",
	} {
		if got := web.BytesWord(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
}
