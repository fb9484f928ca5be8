package main

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

// endAtMost is what the end may take behind the drain.
const endAtMost = 2 * time.Second

func (s *service) isStopping() bool {
	select {
	case <-s.stopping:
		return true
	default:
		return false
	}
}

// stop drains and closes what was started, and waits for it.
func (s *service) stop() error {
	close(s.stopping)
	s.tellStopping()
	st := s.state()
	if delay := st.cfg.Limits.DrainDelay; delay > 0 && s.server != nil {
		s.log.Info("stopping soon: not ready any more, and serving for limits.drain_delay", zap.Duration("drain_delay", delay))
		s.server.Leave()
		time.Sleep(delay) // a second signal ends this too, as it ends the process
	}
	ctx, cancel := context.WithTimeout(context.Background(), st.cfg.Limits.Drain)
	defer cancel()
	s.log.Info("stopping", zap.Duration("at_most", st.cfg.Limits.Drain))
	st.discover.stop()
	var err error
	if s.server != nil {
		if cut := s.server.Shutdown(ctx); cut != nil {
			s.log.Warn("lookups were cut off at the end of limits.drain", zap.Error(cut))
		}
	}
	for _, l := range st.listeners {
		_ = l.Close() // the server has closed those it served
	}
	// What follows has nothing left to wait for; a short time of its own lets
	// it end in order even when the drain used up all.
	end, cancelEnd := context.WithTimeout(context.Background(), endAtMost)
	defer cancelEnd()
	_ = s.inside.Close()
	if s.web != nil {
		err = errors.Join(err, s.web.Shutdown(end))
	}
	s.serving.Wait()
	st.cache.Close()
	if st.pool != nil {
		err = errors.Join(err, st.pool.Close(end))
	}
	s.endAll()
	s.retiring.Wait()
	err = errors.Join(err, s.records.Close(end))
	if s.journal != nil {
		err = errors.Join(err, s.journal.Close(end))
	}
	s.log.Info("stopped")
	return errors.Join(err, s.closeLog())
}
