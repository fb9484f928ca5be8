package journal

import (
	"slices"
	"strconv"
	"strings"

	"jamf-ldap-proxy/internal/lookup"
)

// search is a query as SQL can put it: it finds every row that the query selects,
// and others as few as possible. lookup.Query.Match has the last word on each, so
// that the journal and the latest lookups cannot disagree; a condition that SQL
// would have to bend is left out.
type search struct {
	from    string // table, with the index that gives its rows in order
	indexed bool
	where   []string
	args    []any
}

func (s *search) and(condition string, args ...any) {
	s.where = append(s.where, condition)
	s.args = append(s.args, args...)
}

// by has an index searched, unless there is one already. SQLite is told which: its
// guess does not know how rare a user is beside a kind.
func (s *search) by(index string) {
	if !s.indexed {
		s.from, s.indexed = "lookups INDEXED BY "+index, true
	}
}

// searchFor puts the conditions together, those with the rarest values first.
func searchFor(q *lookup.Query) search {
	s := search{from: "lookups NOT INDEXED"}
	s.name("usr", q.User)
	s.name("grp", q.Group)
	s.hint(q.Hint)
	if q.Shape != "" {
		s.by("lookups_shape")
		s.and("shape = ?", q.Shape)
	}
	s.result(q.Result)
	if q.Kind != "" {
		s.by("lookups_kind")
		s.and("kind = ?", q.Kind)
	}
	s.rest(q)
	return s
}

// name is a condition on a user or group.
func (s *search) name(column, pattern string) {
	switch k := key(pattern); {
	case pattern == "":
	case !strings.Contains(pattern, "*"):
		s.by("lookups_" + column)
		s.and(column+" = ?", k)
	case strings.Trim(k, "*") == "": // anything, or nothing
	case len(k) <= maxPattern:
		s.and(column+" GLOB ?", globSpecial.Replace(k))
	}
}

// maxPattern keeps a pattern below what SQLite refuses.
const maxPattern = 4096

// globSpecial takes their meaning from characters that GLOB knows beside the star.
var globSpecial = strings.NewReplacer("?", "[?]", "[", "[[]")

// hint is a condition on the names of hints, which are plain words of ours.
func (s *search) hint(name string) {
	switch {
	case name == "" || !isPlain(name):
	case s.indexed:
		s.and("EXISTS (SELECT 1 FROM hints WHERE hint = ? AND hints.row = lookups.row)", strings.ToLower(name))
	default:
		s.from, s.indexed = "hints CROSS JOIN lookups USING (row)", true // in this order
		s.and("hint = ?", strings.ToLower(name))
	}
}

// result is a condition on the result by its number or name, or on the outcome.
func (s *search) result(want string) {
	failed := func() {
		s.by("lookups_failed")
		s.and("outcome = 'failed'")
	}
	n, err := strconv.Atoi(want)
	outcome := lookup.Outcome(strings.ToLower(want))
	switch {
	case want == "" || !isPlain(want):
	case err == nil:
		if (&lookup.Record{Result: n}).Outcome() == lookup.Failed {
			failed()
		}
		s.and("result = ?", n)
	case outcome == lookup.Failed:
		failed()
	case outcome == lookup.Answered, outcome == lookup.Empty, outcome == lookup.Silent:
		s.and("outcome = ?", string(outcome))
	default:
		if !slices.Contains(answers, outcome) {
			failed()
		}
		s.and("result_name = ? COLLATE NOCASE", want)
	}
}

// answers are the results, in lower case, that are no failure.
var answers = []lookup.Outcome{"success", "comparefalse", "comparetrue", "saslbindinprogress"}

// rest are the conditions that have no index.
func (s *search) rest(q *lookup.Query) {
	switch q.Op {
	case "", lookup.AnyOp:
	case lookup.QuestionOps:
		s.and("op NOT IN ('unbind', 'abandon')")
	default:
		s.and("op = ?", q.Op)
	}
	if q.Conn != 0 {
		s.and("conn = ?", int64(q.Conn))
	}
	if q.Slow > 0 {
		s.and("total_us >= ?", q.Slow.Microseconds())
	}
	if q.Rule != "" && lookup.Clip(q.Rule, maxPattern) == q.Rule {
		s.and("rules LIKE ?", `%"`+likePattern(q.Rule)+`"%`)
	}
	if q.Client != "" && isPlain(q.Client) {
		s.and("instr(client_addr, ?)", q.Client)
	}
	for word := range strings.FieldsSeq(q.Text) {
		s.word(word)
	}
	if !q.Since.IsZero() {
		s.and("time >= ?", q.Since.UnixMicro())
	}
	if !q.Until.IsZero() {
		s.and("time <= ?", q.Until.UnixMicro())
	}
}

// word is a condition on everything that a person reads. The separator is in no word.
func (s *search) word(word string) {
	if lookup.Clip(word, maxPattern) != word {
		return
	}
	s.and(`concat_ws(char(10), filter, upstream_filter, base, upstream_base, bind_dn, op, kind, result_name, diagnostic,
		client_addr, client_kind, cache, name, usr, grp, attrs, rules, hints) LIKE ?`, "%"+likePattern(word)+"%")
}

// likePattern is a word for LIKE, where _ is any character and % any text. LIKE knows
// no case but that of ASCII, so any character stands for what is not ASCII, and for
// the three letters that some of that is another case of. In a list, a quote or a
// backslash has a backslash in front.
func likePattern(word string) string {
	var p strings.Builder
	for _, c := range strings.ToLower(word) {
		switch {
		case c > '~', c == 'i', c == 'k', c == 's':
			p.WriteByte('_')
		case c == '"', c == '\\':
			p.WriteByte('%')
		default:
			p.WriteRune(c)
		}
	}
	return p.String()
}

// isPlain reports whether s is short printable ASCII, where SQLite's idea of case is
// the same as Go's.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return len(s) <= maxName
}
