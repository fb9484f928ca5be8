package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"

	"github.com/coreos/go-systemd/v22/activation"
	"go.uber.org/zap"

	"jamf-ldap-proxy/proxy"
)

// sockets are listening ones that the service manager has opened for this process
// (sd_listen_fds(3)), so that it can have port 389 without the right to open it. A
// listener of the same address takes its own. They stay open here too, for a listener
// that a reload takes away can come back.
type sockets []*os.File

// inheritSockets takes them over, once. Elsewhere than under systemd there are none.
func inheritSockets() sockets { return activation.Files(true) }

// listen returns the listener for a configured address, nil if it has to be opened.
func (s sockets) listen(address string) (net.Listener, error) {
	for _, f := range s {
		l, err := net.FileListener(f)
		if err != nil {
			return nil, fmt.Errorf("taking the socket %s from systemd: %w", f.Name(), err)
		}
		if sameAddress(l.Addr().String(), address) {
			return l, nil
		}
		_ = l.Close()
	}
	return nil, nil
}

// warnOfSockets speaks up about one that nobody takes: the kernel accepts connections to
// it, and they would wait for ever.
func (s *service) warnOfSockets(st *state) {
	for _, f := range s.sockets {
		l, err := net.FileListener(f)
		if err != nil {
			continue
		}
		address := l.Addr().String()
		_ = l.Close()
		if !slices.ContainsFunc(st.cfg.Listeners, func(c proxy.ListenerConfig) bool { return sameAddress(c.Address, address) }) {
			s.log.Warn("systemd has opened a socket that is no listener's: who connects to it waits in vain",
				zap.String("address", address), zap.String("try", "the same address in listeners[].address and in ListenStream of the socket unit"))
		}
	}
}

// sameAddress takes all forms of "on every network" for one.
func sameAddress(a, b string) bool { return plainAddress(a) == plainAddress(b) }

func plainAddress(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
		if ip.IsUnspecified() {
			host = ""
		}
	}
	return net.JoinHostPort(strings.ToLower(host), port)
}
