package web_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"jamf-ldap-proxy/internal/directory"
	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/simulate"
	"jamf-ldap-proxy/internal/web"
)

const account = "uid=jamf.ldap," + directory.SampleBase

// form is what a browser sends; pairs change it.
func form(pairs ...string) url.Values {
	v := url.Values{
		"dn": {account}, "password": {directory.SamplePassword}, "question": {"membership"}, "user": {"jon.snow"}, "group": {"gameOfThrones"},
		"user_classes": {"inetOrgPerson"}, "group_classes": {"groupOfNames"}, "group_id": {"gidNumber"}, "group_name": {"cn"}, "member": {"member"}, "use_dn": {"1"},
	}
	for i := 0; i < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return v
}

const urlencoded = "application/x-www-form-urlencoded"

func (f *fixture) try(v url.Values, header ...string) (*http.Response, string) {
	f.t.Helper()
	return f.do(f.request("POST", "/try", v.Encode(), append(header, "Content-Type", urlencoded)...))
}

func (f *fixture) tryAPI(body string, header ...string) (*http.Response, string) {
	f.t.Helper()
	return f.do(f.request("POST", "/api/try", body, append(header, "Content-Type", "application/json")...))
}

func TestTryPage(t *testing.T) {
	f := tryServer(t)
	page := f.page("/try", http.StatusOK)
	for field, want := range map[string]string{
		"group_classes": "groupOfNames", "group_id": "gidNumber", "group_name": "cn", "member": "member", "password": "", "dn": "",
	} {
		if got := page.id(field).attrs["value"]; got != want {
			t.Errorf("%s is %q at first, want %q", field, got, want)
		}
	}

	answer, body := f.try(form())
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", answer.Status, body)
	}
	page = parse(t, body)
	page.class("verdict")[0].says(t, "Member")
	var kinds []string
	for _, cell := range page.class("kind") {
		kinds = append(kinds, cell.text())
	}
	if got := strings.Join(kinds, ", "); got != "Login, User, User group, Membership" {
		t.Errorf("the lookups are %s", got)
	}
	for _, a := range page.class("about") {
		f.page(a.tags("a")[0].attrs["href"], http.StatusOK).says(t, "127.0.0.1:")
	}
	if page.id("dn").attrs["value"] != account || page.id("user").attrs["value"] != "jon.snow" || page.id("password").has("value") {
		t.Error("the form does not keep what was typed, or keeps the password")
	}

	_, body = f.try(form("user", "heisenberg"))
	parse(t, body).class("verdict")[0].says(t, "Not a member")
	_, body = f.try(form("question", "user", "user", "arya", "use_wildcards", "1"))
	parse(t, body).class("entry")[0].says(t, "arya.stark", "Email Address")
	_, body = f.try(form("question", "group"))
	parse(t, body).class("entry")[0].says(t, "gameOfThrones", "7001")
	_, body = f.try(form("part", "answer"))
	if part := parse(t, body); len(part.tags("html")) > 0 || len(part.class("verdict")) != 1 {
		t.Errorf("for the script:\n%s", body)
	}
}

func TestTryAPI(t *testing.T) {
	f := tryServer(t)
	response, body := f.tryAPI(fmt.Sprintf(`{"dn":%q,"password":%q,"question":"membership","user":"jon.snow","group":"gameOfThrones","use_wildcards":false}`, account, directory.SamplePassword))
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%s %s", response.Status, body)
	}
	var got struct {
		Answer  simulate.Answer
		Lookups []string
	}
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Answer.Membership == nil || !got.Answer.Membership.Member || len(got.Lookups) != len(got.Answer.Steps) {
		t.Errorf("%s", body)
	}
	var ops []string
	for _, address := range got.Lookups {
		_, body := f.get(address)
		var rec lookup.Record
		if err := json.Unmarshal([]byte(body), &rec); err != nil {
			t.Fatal(err)
		}
		ops = append(ops, rec.Op)
	}
	if ops := strings.Join(ops, " "); ops != "bind search search search" {
		t.Errorf("the lookups are %s", ops)
	}
}

// Whatever becomes of a question, its password is seen by the directory alone.
func TestTryKeepsThePasswordToItself(t *testing.T) {
	const secret = "Sup3r$ecret<&>"
	f := tryServer(t)
	inJSON := func(pairs ...string) string {
		m := map[string]string{"dn": account, "password": secret, "question": "user", "user": "jon.snow"}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i]] = pairs[i+1]
		}
		body, err := json.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		return string(body)
	}
	var seen strings.Builder
	note := func(answer *http.Response, body string) *http.Response {
		fmt.Fprintln(&seen, answer.Status, answer.Header, body)
		return answer
	}
	wrong := note(f.try(form("password", secret)))
	if wrong.StatusCode != http.StatusOK {
		t.Errorf("a wrong password: %s", wrong.Status)
	}
	note(f.try(form("password", secret, "question", "nothing")))
	note(f.try(form("password", secret, "dn", "")))
	note(f.try(form("password", secret, "group_name", "not an attribute")))
	note(f.do(f.request("POST", "/try?"+form("password", secret).Encode(), "", "Content-Type", urlencoded)))
	note(f.get("/try?" + form("password", secret).Encode()))
	note(f.tryAPI(inJSON()))
	note(f.tryAPI(inJSON("question", "nothing")))
	note(f.tryAPI(inJSON("unknown", "field")))
	note(f.tryAPI(inJSON() + "}"))
	note(f.tryAPI(strings.TrimSuffix(inJSON(), "}")))
	note(f.tryAPI(`{"password":{"` + secret + `":1}}`))
	note(f.tryAPI(`"` + secret + `"`))
	note(f.tryAPI(secret))
	for _, rec := range f.ring.Select(lookup.Query{}, 1000) {
		text, err := json.Marshal(rec)
		if err != nil {
			t.Fatal(err)
		}
		seen.Write(text)
	}
	await(t, "the log tells of both binds", func() bool { return strings.Count(f.log.String(), `"op":"bind"`) >= 2 })
	seen.WriteString(f.log.String())
	for _, form := range []string{secret, "Sup3r", url.QueryEscape(secret), "ecret&lt;"} {
		if i := strings.Index(seen.String(), form); i >= 0 {
			t.Errorf("%q is in what can be seen: %s", form, seen.String()[max(i-300, 0):i+50])
		}
	}
}

func TestTrySaysWhatIsMissing(t *testing.T) {
	f := tryServer(t)
	for _, tt := range []struct {
		change []string
		want   string
	}{
		{[]string{"dn", ""}, "the Distinguished Username is missing"},
		{[]string{"password", ""}, "the Password is missing"},
		{[]string{"question", "everything"}, "the question is none of user, group and membership"},
		{[]string{"user", ""}, "the user is missing"},
		{[]string{"group", ""}, "the group is missing"},
		{[]string{"group_name", ""}, "Group Name is empty"},
		{[]string{"member", "x)(y"}, "is not the name of an attribute"},
	} {
		answer, body := f.try(form(tt.change...))
		if answer.StatusCode != http.StatusBadRequest {
			t.Errorf("%v: %s", tt.change, answer.Status)
		}
		parse(t, body).class("wrong")[0].says(t, tt.want)
	}
	if n := f.ring.Len(); n != 0 {
		t.Errorf("%d lookups for questions that cannot be put", n)
	}
}

func TestTryJSONSaysWhatIsWrong(t *testing.T) {
	f := tryServer(t)
	for body, want := range map[string]string{
		`{"user":"a","usr":"b"}`:                `there is no field \"usr\"`,
		`{"user":7}`:                            "user is of the wrong type",
		`{"use_dn":"yes"}`:                      "use_dn is of the wrong type",
		`[]`:                                    "it is no JSON object",
		`{"user":`:                              "it is not whole",
		`{user}`:                                "it is no JSON at byte 2",
		``:                                      "it is not whole",
		`{}`:                                    "the Distinguished Username is missing",
		`{"user":"` + strings.Repeat("x", 1000): "it is not whole",
	} {
		answer, got := f.tryAPI(body)
		if answer.StatusCode != http.StatusBadRequest || !strings.HasPrefix(got, `{"error":"`) || !strings.Contains(got, want) {
			t.Errorf("%.50s: %s %s", body, answer.Status, got)
		}
	}
}

func TestTryTakesNoLargeBody(t *testing.T) {
	f := tryServer(t)
	long := strings.Repeat("x", web.MaxBodyBytes)
	answer, body := f.try(form("user", long))
	if answer.StatusCode != http.StatusRequestEntityTooLarge {
		t.Errorf("%s %s", answer.Status, body)
	}
	parse(t, body).class("wrong")[0].says(t, "reading the form: http: request body too large")
	if answer, body := f.tryAPI(`{"user":"` + long + `"}`); answer.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(body, "too large") {
		t.Errorf("%s %s", answer.Status, body)
	}
}

// A page of somebody else must not ask with the visitor's browser.
func TestTryFromElsewhere(t *testing.T) {
	f := tryServer(t)
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "http://evil.example.com"}, {"Origin", "null"},
		{"Origin", "http://localhost:3000"},
	} {
		if answer, body := f.try(form(), header...); answer.StatusCode != http.StatusForbidden {
			t.Errorf("%v: %s %s", header, answer.Status, body)
		}
		if answer, body := f.tryAPI("{}", header...); answer.StatusCode != http.StatusForbidden {
			t.Errorf("%v: %s %s", header, answer.Status, body)
		}
	}
	if answer, _ := f.try(form(), "Host", "evil.example.com"); answer.StatusCode != http.StatusMisdirectedRequest {
		t.Errorf("by another name: %s", answer.Status)
	}
	if n := f.ring.Len(); n != 0 {
		t.Errorf("%d lookups for others", n)
	}
	for _, header := range [][]string{{"Sec-Fetch-Site", "same-origin"}, {"Origin", f.url}, nil} {
		if answer, body := f.try(form(), header...); answer.StatusCode != http.StatusOK {
			t.Errorf("%v: %s %s", header, answer.Status, body)
		}
	}
}

func TestTryMethods(t *testing.T) {
	f := tryServer(t)
	f.expect("GET", "/api/try", http.StatusMethodNotAllowed, "only POST can be done here\n")
	f.expect("PUT", "/try", http.StatusMethodNotAllowed, "only GET and HEAD and POST can be done here\n")
	if answer, body := f.do(f.request("HEAD", "/try", "")); answer.StatusCode != http.StatusOK || body != "" {
		t.Errorf("HEAD: %s %q", answer.Status, body)
	}
}

func TestTryIsOff(t *testing.T) {
	f := start(t, web.Options{})
	for _, method := range []string{"GET", "POST"} {
		if answer, body := f.do(f.request(method, "/try", form().Encode(), "Content-Type", urlencoded)); answer.StatusCode != http.StatusNotFound || !strings.Contains(body, "web.try: false") {
			t.Errorf("%s: %s %s", method, answer.Status, body)
		}
	}
	if answer, body := f.tryAPI("{}"); answer.StatusCode != http.StatusNotFound || body != `{"error":"trying is switched off (web.try: false)"}`+"\n" {
		t.Errorf("%s %s", answer.Status, body)
	}
}

// Whoever may read the page must not be able to flood the directory.
func TestTriesAreBounded(t *testing.T) {
	f := tryServer(t)
	release := f.server.TakeTries()
	answer, body := f.try(form())
	if answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "4 questions are being asked already") {
		t.Errorf("%s %s", answer.Status, body)
	}
	release()
	if answer, _ := f.try(form()); answer.StatusCode != http.StatusOK {
		t.Error(answer.Status)
	}
	for range 2 * web.MaxTries { // a place is given back, whatever becomes of the question
		f.try(form("password", "wrong"))
		f.try(form("group_name", ""))
	}
	if answer, _ := f.try(form()); answer.StatusCode != http.StatusOK {
		t.Errorf("afterwards: %s", answer.Status)
	}
}

func TestTryWithoutAProxy(t *testing.T) {
	refuse := func(net.Addr) simulate.Dialer {
		return func(context.Context) (net.Conn, error) { return nil, net.ErrClosed }
	}
	f := start(t, web.Options{Try: refuse, Site: site})
	if answer, body := f.try(form()); answer.StatusCode != http.StatusServiceUnavailable || !strings.Contains(body, "connecting: ") {
		t.Errorf("%s %s", answer.Status, body)
	}
}
