package doctor

import "fmt"

// Status is how a check ended.
type Status string

// The values of Status.
const (
	OK   Status = "ok"
	Warn Status = "warn" // works, and is worth a look
	Fail Status = "fail" // keeps something from working
	Skip Status = "skip" // not looked at
)

// Finding is the result of one check. Its text is safe to print: one line each,
// and nothing in it that a terminal obeys.
type Finding struct {
	Part    string   `json:"part"`  // what is looked at: a server, the directory, a listener
	Check   string   `json:"check"` // stable name, see Checks
	Title   string   `json:"title"`
	Status  Status   `json:"status"`
	Saw     string   `json:"saw"`
	Try     []string `json:"try"`               // what to do, the likeliest first
	Because string   `json:"because,omitempty"` // of a skipped one: the check that is to blame
	Ms      float64  `json:"ms"`
}

// Report is everything that was found. Programs read its JSON form: names may be
// added, none changes its meaning.
type Report struct {
	OK       int `json:"ok"`
	Warnings int `json:"warnings"`
	Failures int `json:"failures"`
	Skipped  int `json:"skipped"`
	// First is what to do first: the first failure or, if there is none, the first
	// warning.
	First    *Finding  `json:"first"`
	Findings []Finding `json:"findings"`
}

// sum counts the findings and chooses the first to look at.
func (r *Report) sum() {
	var warned *Finding
	for i := range r.Findings {
		f := &r.Findings[i]
		switch f.Status {
		case OK:
			r.OK++
		case Skip:
			r.Skipped++
		case Warn:
			if r.Warnings++; warned == nil {
				warned = f
			}
		case Fail:
			if r.Failures++; r.First == nil {
				r.First = f
			}
		}
	}
	if r.First == nil {
		r.First = warned
	}
}

func ok(format string, args ...any) *Finding {
	return &Finding{Status: OK, Saw: fmt.Sprintf(format, args...)}
}

func warn(saw string, try ...string) *Finding { return &Finding{Status: Warn, Saw: saw, Try: try} }
func fail(saw string, try ...string) *Finding { return &Finding{Status: Fail, Saw: saw, Try: try} }
func skip(saw string, try ...string) *Finding { return &Finding{Status: Skip, Saw: saw, Try: try} }
