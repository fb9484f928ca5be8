package web

import (
	"fmt"
	"io/fs"
	"os"
	"sync"
	"time"
)

const (
	maxSecretFile  = 64 << 10
	secretFileLook = time.Second
)

// watched is a small file that is read again when it has changed.
type watched[T any] struct {
	name  string
	parse func(text []byte) (T, error)

	mu     sync.Mutex
	looked time.Time
	info   fs.FileInfo // of what was read last
	value  T
	err    error
}

// get returns what the file says now, give or take a second. While it cannot be
// read there is an error and no value: it may have been taken away for that. fresh
// is true when the error is not the one of before.
func (f *watched[T]) get(now time.Time) (value T, fresh bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if since := now.Sub(f.looked); since >= secretFileLook || since < 0 {
		before := f.err
		f.looked = now
		f.look()
		fresh = f.err != nil && (before == nil || before.Error() != f.err.Error())
	}
	return f.value, fresh, f.err
}

func (f *watched[T]) look() {
	info, err := os.Stat(f.name)
	if err == nil && f.info != nil && isUnchanged(info, f.info) {
		return
	}
	f.info, f.err = info, err
	var none T
	f.value = none
	if err == nil && info.Size() > maxSecretFile {
		f.err = fmt.Errorf("%s is larger than %d bytes", f.name, maxSecretFile)
	}
	if f.err != nil {
		return
	}
	text, err := os.ReadFile(f.name)
	if err == nil {
		if f.value, err = f.parse(text); err != nil {
			err = fmt.Errorf("%s: %w", f.name, err)
		}
	} else {
		f.info = nil // the next look tries again
	}
	f.err = err
}

// isUnchanged compares all that a new content may leave a trace in; a time alone
// does not tell two changes within a clock tick apart.
func isUnchanged(a, b fs.FileInfo) bool {
	return a.ModTime().Equal(b.ModTime()) && a.Size() == b.Size() && os.SameFile(a, b)
}
