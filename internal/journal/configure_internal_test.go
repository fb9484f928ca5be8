package journal

import (
	"testing"
	"time"

	"jamf-ldap-proxy/internal/bytesize"
	"jamf-ldap-proxy/internal/lookup"
)

// TestConfigureWhileItRuns: what is kept from now on counts for what was written
// before, and nothing is lost on the way.
func TestConfigureWhileItRuns(t *testing.T) {
	cfg := testConfig(t)
	cfg.Keep = time.Hour
	r := newRig(t, cfg, func(o *Options) { o.Now = func() time.Time { return noon } })
	var list []*lookup.Record
	for i := range 100 {
		rec := long(i)
		rec.Time = noon.Add(-time.Duration(i) * time.Second)
		list = append(list, rec)
	}
	if stored, lost := r.write(list...); stored != 100 || lost != 0 {
		t.Fatalf("stored %d, lost %d", stored, lost)
	}
	cfg.Keep, cfg.MaxBytes = 49*time.Second, 16*bytesize.MiB
	r.Configure(cfg)
	eventually(t, "the older half is gone", func() bool { return len(r.all()) == 50 })
	if got := r.Status().MaxBytes; got != int64(cfg.MaxBytes) {
		t.Errorf("the status says max_bytes %d", got)
	}
}
