package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"jamf-ldap-proxy/internal/lookup"
	"jamf-ldap-proxy/internal/secret"
	"jamf-ldap-proxy/internal/simulate"
)

// tryRequest is what somebody typed. The password lives as long as the request.
type tryRequest struct {
	DN       string `json:"dn"`
	Question string `json:"question"` // user, group or membership
	User     string `json:"user"`
	Group    string `json:"group"`

	UserClasses  string `json:"user_classes"` // Object Class(es), with commas
	GroupClasses string `json:"group_classes"`
	GroupID      string `json:"group_id"`
	GroupName    string `json:"group_name"`
	Member       string `json:"member"`
	UseDN        bool   `json:"use_dn"`
	UseCompare   bool   `json:"use_compare"`
	UseWildcards bool   `json:"use_wildcards"`
}

// newTryRequest has the mappings that JumpCloud's instructions lead to.
func newTryRequest(base string) tryRequest {
	m := simulate.Default(base)
	return tryRequest{
		Question:    simulate.QuestionUser,
		UserClasses: strings.Join(m.Users.ObjectClasses, ", "), GroupClasses: strings.Join(m.Groups.ObjectClasses, ", "),
		GroupID: m.Groups.ID, GroupName: m.Groups.Name, Member: m.Membership.Attribute, UseDN: m.Membership.UseDN,
		UseCompare: m.Membership.UseCompare, UseWildcards: m.UseWildcards,
	}
}

func (q *tryRequest) mappings(base string) simulate.Mappings {
	m := simulate.Default(base)
	m.Users.ObjectClasses, m.Groups.ObjectClasses = classes(q.UserClasses), classes(q.GroupClasses)
	m.Groups.ID, m.Groups.Name, m.Membership.Attribute = q.GroupID, q.GroupName, q.Member
	m.Membership.UseDN, m.Membership.UseCompare, m.UseWildcards = q.UseDN, q.UseCompare, q.UseWildcards
	return m
}

func classes(text string) []string {
	return strings.FieldsFunc(text, func(c rune) bool { return c == ',' || c == ' ' })
}

// tryForm reads the form of the page. The password does not stay in it.
func tryForm(r *http.Request) (tryRequest, secret.Password, error) {
	if err := r.ParseForm(); err != nil {
		return tryRequest{}, secret.Password{}, fmt.Errorf("reading the form: %w", err)
	}
	password := secret.New([]byte(r.PostFormValue("password")))
	r.PostForm.Del("password")
	r.Form.Del("password")
	on := func(name string) bool { return r.PostFormValue(name) != "" }
	return tryRequest{
		DN: r.PostFormValue("dn"), Question: r.PostFormValue("question"), User: r.PostFormValue("user"), Group: r.PostFormValue("group"),
		UserClasses: r.PostFormValue("user_classes"), GroupClasses: r.PostFormValue("group_classes"),
		GroupID: r.PostFormValue("group_id"), GroupName: r.PostFormValue("group_name"), Member: r.PostFormValue("member"),
		UseDN: on("use_dn"), UseCompare: on("use_compare"), UseWildcards: on("use_wildcards"),
	}, password, nil
}

func (q *tryRequest) check(password secret.Password) error {
	switch {
	case q.DN == "":
		return errors.New("the Distinguished Username is missing: who asks? It is the one from Jamf's LDAP server, such as uid=jamf.ldap,ou=Users,…")
	case password.Empty():
		return errors.New("the Password is missing; it is used for this question and not kept")
	case !slices.Contains([]string{simulate.QuestionUser, simulate.QuestionGroup, simulate.QuestionMembership}, q.Question):
		return errors.New("the question is none of user, group and membership")
	case q.User == "" && q.Question != simulate.QuestionGroup:
		return errors.New("the user is missing")
	case q.Group == "" && q.Question != simulate.QuestionUser:
		return errors.New("the group is missing")
	}
	return nil
}

// tryJSON reads the body of a program; what it leaves out is as on the page.
func tryJSON(r *http.Request, base string) (tryRequest, secret.Password, error) {
	body := struct {
		tryRequest
		Password string `json:"password"`
	}{tryRequest: newTryRequest(base)}
	reader := json.NewDecoder(r.Body)
	reader.DisallowUnknownFields()
	if err := reader.Decode(&body); err != nil {
		return tryRequest{}, secret.Password{}, fmt.Errorf("reading the body: %w", safeJSONError(err))
	}
	return body.tryRequest, secret.New([]byte(body.Password)), nil
}

// safeJSONError leaves out what an error may quote of a body with a password.
func safeJSONError(err error) error {
	var (
		long   *http.MaxBytesError
		syntax *json.SyntaxError
		typ    *json.UnmarshalTypeError
	)
	switch {
	case errors.As(err, &long):
		return err
	case errors.As(err, &syntax):
		return fmt.Errorf("it is no JSON at byte %d", syntax.Offset)
	case errors.As(err, &typ) && typ.Field != "":
		return fmt.Errorf("%s is of the wrong type", typ.Field)
	case errors.As(err, &typ):
		return errors.New("it is no JSON object")
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		return fmt.Errorf("there is no field %s", lookup.Clip(strings.TrimPrefix(err.Error(), "json: unknown field "), maxSubject))
	}
	return errors.New("it is not whole")
}
