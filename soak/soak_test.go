package main

import (
	"math"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The short form of `make soak`.
func TestSoak(t *testing.T) {
	o := &options{duration: 20 * time.Second, seed: uint64(time.Now().UnixNano())}
	report, err := run(t.Context(), o, t.Output())
	t.Log(report)
	if err != nil {
		t.Error(err)
	}
}

func TestTrend(t *testing.T) {
	v := &vitals{}
	for i := range 900 {
		v.note(time.Duration(i)*time.Second, []float64{100 + float64(i)/10, 100 + 20*math.Sin(float64(i)), 0, 0})
	}
	if got := v.trend(0); math.Abs(got.perMinute-6) > 1e-6 || !got.upward(24) || got.upward(100) {
		t.Errorf("6 a minute: %+v", got)
	}
	if got := v.trend(1); math.Abs(got.perMinute) > 1 || got.upward(1) {
		t.Errorf("up and down: %+v", got)
	}
}
