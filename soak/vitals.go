package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// vital is a figure of the process, from /metrics, that must not grow for ever.
type vital struct {
	name, metric string
	unit         float64
	slack        float64 // growth that says nothing
}

var vitalSigns = []vital{
	{"memory, MiB", "process_resident_memory_bytes", 1 << 20, 24},
	{"goroutines", "go_goroutines", 1, 40},
	{"descriptors", "process_open_fds", 1, 40},
	{"threads", "go_threads", 1, 8},
}

// vitals are those figures over time.
type vitals struct {
	site    *site
	mu      sync.Mutex
	at      []float64 // seconds
	values  [][]float64
	start   []float64
	end     []float64
	panics  float64
	reloads int
	pages   int
	events  int
}

func newVitals(s *site) (*vitals, error) {
	v := &vitals{site: s}
	for _, path := range pages { // what they open stays open
		if _, err := get(context.Background(), s.page+path); err != nil {
			return nil, err
		}
	}
	var err error
	v.start, err = v.read(context.Background())
	return v, err
}

func (v *vitals) read(ctx context.Context) ([]float64, error) {
	text, err := get(ctx, v.site.page+"/metrics")
	if err != nil {
		return nil, err
	}
	list := make([]float64, len(vitalSigns))
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		n, _ := strconv.ParseFloat(value, 64)
		if name == "jamf_ldap_proxy_panics_total" {
			v.panics = n
		}
		for i, sign := range vitalSigns {
			if name == sign.metric {
				list[i] = n / sign.unit
			}
		}
	}
	return list, nil
}

// pages are what somebody looks at all the time.
var pages = []string{"/", "/shapes", "/groups", "/health", "/api/lookups?limit=200", "/?source=journal", "/api/journal?limit=200"}

// watch reads metrics and pages, follows the lookups, and asks for a reload now
// and then.
func (v *vitals) watch(ctx context.Context, t *tally) *sync.WaitGroup {
	var wg sync.WaitGroup
	began := time.Now()
	every := func(d func() time.Duration, do func() error) {
		wg.Go(func() {
			for pause(ctx, d()); ctx.Err() == nil; pause(ctx, d()) {
				if err := do(); err != nil && ctx.Err() == nil {
					t.end("web", err.Error(), false)
				}
			}
		})
	}
	second := func() time.Duration { return time.Second }
	every(second, func() error {
		now, err := v.read(ctx)
		if err == nil {
			v.note(time.Since(began), now)
		}
		return err
	})
	next := 0
	every(second, func() error {
		next++
		_, err := get(ctx, v.site.page+pages[next%len(pages)])
		v.count(&v.pages, 1)
		return err
	})
	every(second, func() error { return v.follow(ctx) })
	every(func() time.Duration { return 5*time.Second + rand.N(10*time.Second) }, func() error {
		v.count(&v.reloads, 1)
		return v.site.proxy.Process.Signal(syscall.SIGHUP)
	})
	return &wg
}

func (v *vitals) note(at time.Duration, now []float64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.at, v.values = append(v.at, at.Seconds()), append(v.values, now)
}

func (v *vitals) count(what *int, n int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	*what += n
}

// follow reads the stream of lookups for a few seconds, as an open page does.
func (v *vitals) follow(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second+rand.N(9*time.Second))
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, v.site.page+"/stream", nil)
	if err != nil {
		return err
	}
	request.Close = true
	response, err := http.DefaultClient.Do(request)
	if ctx.Err() != nil {
		return nil // too short a look
	}
	if err != nil {
		return err
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		if bytes.HasPrefix(lines.Bytes(), []byte("event:")) {
			v.count(&v.events, 1)
		}
	}
	err = lines.Err()
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
		err = io.EOF
	}
	return fmt.Errorf("reading the stream of lookups, which ended by itself: %w", err)
}

// settle waits until the process is where it began, or does not get there.
func (v *vitals) settle() {
	deadline := time.Now().Add(patience)
	for {
		if now, err := v.read(context.Background()); err == nil {
			v.end = now
		}
		if v.leftBehind() == "" || time.Now().After(deadline) {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// leftBehind names what has not come back to where it began. Memory and
// threads never do; a journal's reader may keep some files open.
func (v *vitals) leftBehind() string {
	const few = 8
	for i, sign := range vitalSigns {
		if sign.unit == 1 && sign.name != "threads" && (v.end == nil || v.end[i] > v.start[i]+few) {
			return sign.name
		}
	}
	return ""
}

// trend is the growth of a figure after the first third of the time.
type trend struct {
	mean, perMinute, minutes float64
}

func (v *vitals) trend(i int) (t trend) {
	v.mu.Lock()
	defer v.mu.Unlock()
	from := len(v.at) / 3
	x, y := v.at[from:], make([]float64, 0, len(v.at))
	for _, row := range v.values[from:] {
		y = append(y, row[i])
	}
	if len(x) < 3 {
		return t
	}
	slope, mean := leastSquares(x, y)
	return trend{mean, slope * 60, (x[len(x)-1] - x[0]) / 60}
}

// upward tells whether a figure clearly grows: by a quarter of itself, and by
// more than it may for no reason. Less than two minutes say nothing.
func (t trend) upward(slack float64) bool {
	growth := t.perMinute * t.minutes
	return t.minutes >= 2 && growth > slack && growth > t.mean/4
}

func leastSquares(x, y []float64) (slope, mean float64) {
	var mx float64
	for i := range x {
		mx += x[i] / float64(len(x))
		mean += y[i] / float64(len(x))
	}
	var sxy, sxx float64
	for i := range x {
		sxy += (x[i] - mx) * (y[i] - mean)
		sxx += (x[i] - mx) * (x[i] - mx)
	}
	return sxy / sxx, mean
}

func (v *vitals) line() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.values) == 0 {
		return ""
	}
	now := v.values[len(v.values)-1]
	return fmt.Sprintf("%.0f MiB, %.0f goroutines, %.0f descriptors, %.0f threads", now[0], now[1], now[2], now[3])
}
