package config

func (l *loader) validateWeb() {
	const path = "web.address"
	address := l.cfg.Web.Address
	if address == "" || address == "off" {
		l.cfg.Web.Address = ""
		return
	}
	host, ok := l.checkAddress(path, address)
	if !ok {
		return
	}
	if !isLoopback(host) {
		l.mistake(path, address, "the web address must be loopback in this version (authentication comes later)",
			"write 127.0.0.1:8389 and reach it with `ssh -L 8389:127.0.0.1:8389 host`, or switch it off with: off")
		return
	}
	for _, listener := range l.cfg.Listeners {
		if listener.Address == address && !hasPortZero(address) {
			l.mistake(path, address, "is also the address of a listener", "give the web page its own port: 127.0.0.1:8389 is usual")
		}
	}
}
