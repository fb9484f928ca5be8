//go:build unix

package journal

import (
	"context"
	"syscall"
	"testing"
	"time"
)

func processorTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkWrite is what a record costs from Write to the disk, SQL included. The
// processor time is that of the whole process, the writing goroutine's with it.
func BenchmarkWrite(b *testing.B) {
	cfg := testConfig(b)
	cfg.MaxBytes = 1 << 30
	r := newRig(b, cfg, func(o *Options) {
		o.internal.gather = time.Second
		o.Now = func() time.Time { return noon }
		o.internal.stored = nil
	})
	list := samples(50_000)
	b.ReportAllocs()
	b.ResetTimer()
	began := processorTime()
	for i := range b.N {
		r.Journal.Write(list[i%len(list)])
	}
	if err := r.Close(context.Background()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64((processorTime()-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
}
