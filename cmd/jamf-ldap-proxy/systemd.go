package main

import (
	"context"
	"fmt"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"go.uber.org/zap"

	"jamf-ldap-proxy/proxy"
)

// What systemd is told (sd_notify(3)): when the proxy is ready, reloads and stops, one
// line of how it does, and, as long as it really answers, that it lives. Elsewhere
// NOTIFY_SOCKET is not set, and nothing happens.

const (
	statusEvery = 10 * time.Second
	readyLook   = 50 * time.Millisecond
)

// supervised tells systemd until the service stops.
type supervised struct {
	s     *service
	every time.Duration // between signs of life; 0: systemd waits for none
	self  *inside       // where the proxy asks itself
}

// supervise begins that. It is called once, when the service runs.
func (s *service) supervise() {
	sent, err := daemon.SdNotify(false, "STATUS=starting")
	if !sent {
		if err != nil {
			s.log.Warn("systemd cannot be told how the proxy does", zap.Error(err))
		}
		return
	}
	v := &supervised{s: s, self: newInside()}
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		s.log.Warn("reading WATCHDOG_USEC", zap.Error(err))
	}
	v.every = limit / 2
	if v.every > 0 {
		options := proxy.ListenOptions{Name: "watchdog", Internal: true}
		s.serving.Go(func() { s.report(s.server.Serve(context.Background(), v.self, options)) })
	}
	s.serving.Go(v.run)
}

func (v *supervised) run() {
	defer func() { _ = v.self.Close() }()
	if !v.awaitReady() {
		return
	}
	v.tell(daemon.SdNotifyReady + "\n" + v.status())
	period := statusEvery
	if v.every > 0 {
		period = min(period, v.every)
	}
	tick := time.NewTicker(period)
	defer tick.Stop()
	for {
		if v.every == 0 || v.lives() {
			v.tell(daemon.SdNotifyWatchdog + "\n" + v.status())
		}
		select {
		case <-tick.C:
		case <-v.s.stopping:
			return
		}
	}
}

func (v *supervised) awaitReady() bool {
	tick := time.NewTicker(readyLook)
	defer tick.Stop()
	for v.s.ready() != nil {
		select {
		case <-tick.C:
		case <-v.s.stopping:
			return false
		}
	}
	return true
}

// lives asks for the rootDSE as a client would. Without an answer nothing is sent, and
// systemd starts the proxy anew.
func (v *supervised) lives() bool {
	ctx, cancel := context.WithTimeout(context.Background(), v.every)
	defer cancel()
	conn, err := v.self.dialer(insideAddr{})(ctx)
	if err == nil {
		err = askRootDSE(ctx, conn)
		_ = conn.Close()
	}
	if err != nil && !v.s.isStopping() {
		v.s.log.Error("the proxy does not answer itself: systemd gets no sign of life", zap.Error(err))
	}
	return err == nil
}

// status is the line that `systemctl status` shows.
func (v *supervised) status() string {
	line := fmt.Sprintf("STATUS=%d clients, %d lookups", v.s.server.Clients(), v.s.server.Lookups())
	if r := v.s.reloaded.Load(); r != nil && r.err != nil {
		line += "; the changed configuration was refused, see the log"
	}
	return line
}

func (v *supervised) tell(state string) { tellSystemd(v.s.log, state) }

func tellSystemd(log *zap.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Warn("systemd cannot be told how the proxy does", zap.Error(err))
	}
}

// reloading wraps a reload: `systemctl reload` waits for its end.
func (s *service) reloading(reload func()) {
	tellSystemd(s.log, daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec())
	reload()
	v := &supervised{s: s}
	v.tell(daemon.SdNotifyReady + "\n" + v.status())
}

// tellStopping lets systemd wait as long as the drain may take.
func (s *service) tellStopping() {
	limits := &s.state().cfg.Limits
	atMost := limits.DrainDelay + limits.Drain + endAtMost + time.Second
	tellSystemd(s.log, fmt.Sprintf("%s\nEXTEND_TIMEOUT_USEC=%d", daemon.SdNotifyStopping, atMost.Microseconds()))
}
