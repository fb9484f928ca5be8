package proxy

import (
	"os"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"
)

const followCheck = time.Second

// followed is something made of files that follows them: a renewal needs no
// reload. What cannot be loaded, for instance because only one of two files is
// written yet, leaves the old one in use and is tried again. A nil *followed
// has the zero value.
type followed[T any] struct {
	what  string // for the log
	files []string
	load  func() (T, error)

	mu      sync.Mutex
	log     *zap.Logger
	current T
	checked time.Time
	stamps  []time.Time // modification times of what was tried last
}

func follow[T any](what string, load func() (T, error), files ...string) (*followed[T], error) {
	f := &followed[T]{what: what, files: files, load: load, log: zap.NewNop(), checked: time.Now()}
	var err error
	if f.stamps, err = f.modified(); err != nil {
		return nil, err
	}
	if f.current, err = load(); err != nil {
		return nil, err
	}
	return f, nil
}

func (f *followed[T]) logTo(log *zap.Logger) {
	if f == nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.log = log
}

// get looks at the files at most once a second, however many handshakes there
// are.
func (f *followed[T]) get() (current T) {
	if f == nil {
		return current
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if now := time.Now(); now.Sub(f.checked) >= followCheck {
		f.checked = now
		f.reload()
	}
	return f.current
}

func (f *followed[T]) reload() {
	stamps, err := f.modified()
	if err == nil && slices.Equal(stamps, f.stamps) {
		return
	}
	var fresh T
	if err == nil {
		fresh, err = f.load()
	}
	changed := !slices.Equal(stamps, f.stamps)
	f.stamps = stamps
	if err != nil {
		if changed { // said once per change, not once per second
			f.log.Error("keeping the old "+f.what+": the new one cannot be used", zap.Error(err))
		}
		return
	}
	f.current = fresh
	f.log.Info(f.what+" was reloaded", zap.String("file", f.files[0]))
}

// modified returns a time for each file, up to the first that is not there.
func (f *followed[T]) modified() (stamps []time.Time, err error) {
	for _, file := range f.files {
		info, err := os.Stat(file)
		if err != nil {
			return stamps, err
		}
		stamps = append(stamps, info.ModTime())
	}
	return stamps, nil
}
