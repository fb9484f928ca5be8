package config

import "jamf-ldap-proxy/proxy"

func (l *loader) validateWeb() {
	const path = "web.address"
	c := &l.cfg.Web
	if c.Address == "" || c.Address == "off" {
		c.Address = ""
		return
	}
	l.validateWebFiles()
	host, ok := l.checkAddress(path, c.Address)
	if !ok {
		return
	}
	if !isLoopback(host) {
		l.validateOpenWeb(path)
	}
	for _, listener := range l.cfg.Listeners {
		if listener.Address == c.Address && !hasPortZero(c.Address) {
			l.mistake(path, c.Address, "is also the address of a listener", "give the web page its own port: 127.0.0.1:8389 is usual")
		}
	}
}

// validateOpenWeb is for an address that others can reach: the page names users
// and groups, and Try takes passwords.
func (l *loader) validateOpenWeb(path string) {
	c := &l.cfg.Web
	files := l.isBad("web.users_file") || l.isBad("web.token_file") || l.isExcused("web.users_file") || l.isExcused("web.token_file")
	if c.UsersFile == "" && c.TokenFile == "" && !files {
		l.mistake(path, c.Address, "can be reached from other machines, and the page would ask nobody who they are",
			"name a file of users in web.users_file (`htpasswd -nB -C 10 NAME` prints a line for it), or a token in web.token_file; "+
				"or write 127.0.0.1:8389 and reach it with `ssh -L 8389:127.0.0.1:8389 host`")
		return
	}
	if c.TLS == (proxy.ServerTLS{}) {
		l.warn("web.address %s can be reached from other machines without TLS: passwords for the page can be read on the way; set web.tls, or put a reverse proxy with TLS before it", c.Address)
	}
}

func (l *loader) validateWebFiles() {
	c := &l.cfg.Web
	l.validateTLSFiles("web.tls", &c.TLS)
	for _, f := range []struct {
		path string
		name *string
	}{{"web.users_file", &c.UsersFile}, {"web.token_file", &c.TokenFile}} {
		if *f.name == "" {
			continue
		}
		*f.name = l.absolute(f.path, *f.name)
		if _, err := readLimited(*f.name); err != nil {
			l.mistake(f.path, *f.name, readFault(err), "check the name, and that the user that runs the proxy may read it")
		}
	}
}
