package main

import (
	"reflect"
	"slices"
	"time"

	"jamf-ldap-proxy/proxy"
)

// listenerPlan is how a reload comes from the listeners of one configuration to those
// of the next.
type listenerPlan struct {
	next    []openListener
	opened  []int          // in next: not served yet
	changed []int          // in next: the socket stays, the rest is other
	gone    []openListener // of before
}

// planListeners opens what is new, or nothing when it fails. A listener of the same
// address stays open.
func planListeners(
	before []openListener, want []proxy.ListenerConfig, open func(proxy.ListenerConfig) (openListener, error),
) (*listenerPlan, error) {
	p := &listenerPlan{gone: slices.Clone(before)}
	for i, c := range want {
		l, found := p.take(c)
		var err error
		switch {
		case !found:
			l, err = open(c)
			p.opened = append(p.opened, i)
		case !reflect.DeepEqual(l.config, c):
			err = l.become(c)
			p.changed = append(p.changed, i)
		}
		if err != nil {
			p.giveUp()
			return nil, err
		}
		p.next = append(p.next, l)
	}
	return p, nil
}

// take finds the open listener for a configuration. Several may have port 0; then
// the protocol tells them apart.
func (p *listenerPlan) take(c proxy.ListenerConfig) (l openListener, found bool) {
	i := slices.IndexFunc(p.gone, func(l openListener) bool {
		return l.config.Address == c.Address && l.config.Protocol == c.Protocol
	})
	if i < 0 {
		i = slices.IndexFunc(p.gone, func(l openListener) bool { return l.config.Address == c.Address })
	}
	if i < 0 {
		return l, false
	}
	l = p.gone[i]
	p.gone = slices.Delete(p.gone, i, i+1)
	return l, true
}

// become changes everything but the socket.
func (l *openListener) become(c proxy.ListenerConfig) error {
	options, err := proxy.Options(c)
	if err != nil {
		return err
	}
	options.Name = l.options.Name
	l.config, l.options = c, options
	return nil
}

// giveUp closes what was opened in vain.
func (p *listenerPlan) giveUp() {
	for _, i := range p.opened {
		if i < len(p.next) {
			_ = p.next[i].Close()
		}
	}
}

func (p *listenerPlan) begin(s *service) {
	for _, i := range p.changed {
		s.server.Reconfigure(p.next[i].Listener, p.next[i].options)
	}
	for _, i := range p.opened {
		s.serveListener(&p.next[i])
	}
}

// end stops accepting where nobody should connect any more. Who is connected stays.
func (p *listenerPlan) end(s *service) {
	for i := range p.gone {
		p.gone[i].end()
		s.metrics.ListenerTLSExpiry(p.gone[i].options.Name, time.Time{})
	}
}
