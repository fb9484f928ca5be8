package lookup

// Together makes one sink of several that are quick: they share a queue and a
// goroutine, and what is done to a record before it reaches them is done once.
func Together(name string, sinks ...Sink) Sink { return together{name, sinks} }

type together struct {
	name  string
	sinks []Sink
}

func (t together) Name() string { return t.name }

func (t together) Write(r *Record) {
	for _, s := range t.sinks {
		s.Write(r)
	}
}
