package upstream

// Upkeep lets a test that moves the clock have the keeper's next round at once.
func (p *Pool) Upkeep() { p.upkeep() }

// MaxDials is the number of dials to one server at a time.
const MaxDials = maxDials

// Open is the number of connections, dials and those being closed included.
func (p *Pool) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.open, len(p.live))
}

// Spares is the number of spares that can be taken.
func (p *Pool) Spares() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return count(p.servers)
}
