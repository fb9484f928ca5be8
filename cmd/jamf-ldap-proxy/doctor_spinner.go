package main

import (
	"fmt"
	"sync"
	"time"
)

// spinner shows on a terminal what is going on, in a line that is gone when it
// has ended. Elsewhere it does nothing.
type spinner struct {
	to      output
	end     chan struct{} // nil while nothing is going on
	turning sync.WaitGroup
}

func newSpinner(to output) *spinner { return &spinner{to: to} }

const spinnerTurn = 100 * time.Millisecond

// start shows what begins.
func (s *spinner) start(what string) {
	if !s.to.terminal {
		return
	}
	s.stop()
	s.end = make(chan struct{})
	s.turning.Go(func() { s.turn(what, s.end) })
}

func (s *spinner) turn(what string, end <-chan struct{}) {
	tick := time.NewTicker(spinnerTurn)
	defer tick.Stop()
	for start := time.Now(); ; {
		spent := time.Since(start)
		waited := ""
		if spent >= time.Second {
			waited = fmt.Sprintf(" %d s", spent/time.Second)
		}
		fmt.Fprintf(s.to, "\r\x1b[K  %c %s%s", `|/-\`[spent/spinnerTurn%4], what, waited)
		select {
		case <-end:
			fmt.Fprint(s.to, "\r\x1b[K")
			return
		case <-tick.C:
		}
	}
}

// stop ends the line, if there is one.
func (s *spinner) stop() {
	if s.end == nil {
		return
	}
	close(s.end)
	s.turning.Wait()
	s.end = nil
}
