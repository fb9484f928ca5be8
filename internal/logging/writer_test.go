package logging_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/zap"

	"jamf-ldap-proxy/internal/logging"
)

// output is a log output that a test can spoil.
type output struct {
	mu   sync.Mutex
	data bytes.Buffer
	err  error         // returned by Write
	gate chan struct{} // if not nil, Write waits until it is closed
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	gate := o.gate
	o.mu.Unlock()
	if gate != nil {
		<-gate
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return 0, o.err
	}
	return o.data.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.data.String()
}

func (o *output) reset() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.data.Reset()
}

func (o *output) set(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.err = err
}

func TestLineAppearsWithin200Milliseconds(t *testing.T) {
	out := &output{}
	logger, _, closeLog := logging.New(logging.Options{Out: out})
	defer closeLog()
	for range 3 {
		out.reset()
		start := time.Now()
		logger.Info("hello")
		for out.String() == "" {
			time.Sleep(time.Millisecond)
		}
		if took := time.Since(start); took > 200*time.Millisecond {
			t.Errorf("the line took %v", took)
		}
	}
}

func TestStuckOutputNeverBlocksAndTheGapIsNoted(t *testing.T) {
	out := &output{gate: make(chan struct{})}
	var dropped atomic.Int64
	logger, _, closeLog := logging.New(logging.Options{Out: out, OnDrop: func() { dropped.Add(1) }})
	line := strings.Repeat("x", 1<<20)
	for range 20 {
		logger.Info(line) // blocking here hangs the test
	}
	if n := dropped.Load(); n < 10 || n > 17 {
		t.Errorf("%d of 20 megabytes were dropped, want most but not all", n)
	}
	close(out.gate)
	if err := closeLog(); err != nil {
		t.Fatal(err)
	}
	if got := out.String(); !strings.Contains(got, `"msg":"log lines lost: output too slow or failing","lines":`) {
		t.Error("the log does not say that lines are missing")
	}
}

func TestCloseGivesUpOnAStuckOutput(t *testing.T) {
	out := &output{gate: make(chan struct{})}
	logger, _, closeLog := logging.New(logging.Options{Out: out})
	logger.Info("hello")
	if err := closeLog(); err == nil || err.Error() != "log output accepts no data" {
		t.Errorf("closing = %v", err)
	}
	close(out.gate)
	if err := closeLog(); err != nil { // waits for the goroutine
		t.Error(err)
	}
}

func TestLogRecoversWhenItsOutputDoes(t *testing.T) {
	out := &output{}
	var dropped atomic.Int64
	logger, _, closeLog := logging.New(logging.Options{Out: out, OnDrop: func() { dropped.Add(1) }})
	out.set(errors.New("no space left on device"))
	logger.Info("lost")
	if err := logger.Sync(); err != nil {
		t.Fatal(err)
	}
	out.set(nil)
	logger.Info("kept")
	if err := closeLog(); err != nil {
		t.Fatal(err)
	}
	got := out.String()
	if !strings.Contains(got, `"kept"`) || !strings.Contains(got, `"lines":1}`) || dropped.Load() != 1 {
		t.Errorf("dropped %d, log:\n%s", dropped.Load(), got)
	}
}

func TestLinesOfManyGoroutinesStayWhole(t *testing.T) {
	out := &output{}
	logger, _, closeLog := logging.New(logging.Options{Out: out})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				logger.Info("hello", zap.String("text", strings.Repeat("y", 300)))
			}
		})
	}
	wg.Wait()
	if err := closeLog(); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 1600 {
		t.Errorf("%d lines, want 1600", len(lines))
	}
	for _, line := range lines {
		if !strings.HasPrefix(line, "{") || !strings.HasSuffix(line, "}") {
			t.Fatalf("broken line %q", line)
		}
	}
}

func BenchmarkSinkJSON(b *testing.B) { benchmarkSink(b, logging.FormatJSON) }

func BenchmarkSinkConsole(b *testing.B) { benchmarkSink(b, logging.FormatConsole) }

func BenchmarkSinkSlapd(b *testing.B) { benchmarkSink(b, logging.FormatSlapd) }

func benchmarkSink(b *testing.B, format logging.Format) {
	var dropped atomic.Int64
	logger, _, closeLog := logging.New(logging.Options{Out: io.Discard, Format: format, OnDrop: func() { dropped.Add(1) }})
	sink := logging.NewSink(logger)
	r := groupSearch()
	b.ReportAllocs()
	for b.Loop() {
		sink.Write(r)
	}
	b.ReportMetric(float64(dropped.Load())/float64(b.N), "lost/op")
	if err := closeLog(); err != nil {
		b.Fatal(err)
	}
}
