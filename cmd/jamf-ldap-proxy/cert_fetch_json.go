package main

import (
	"encoding/json"
	"errors"

	"jamf-ldap-proxy/internal/certs"
)

// The JSON form is for programs: names may be added, none changes its meaning.
type (
	jsonCertServers struct {
		Servers []jsonCertServer `json:"servers"`
	}
	jsonCertServer struct {
		Server        string          `json:"server"`
		Name          string          `json:"name"` // expected in the certificate
		Error         string          `json:"error,omitempty"`
		Try           string          `json:"try,omitempty"`
		TLS           string          `json:"tls,omitempty"`
		Certificates  []jsonCert      `json:"certificates"`
		Roots         string          `json:"roots"` // file, or system
		Trusted       bool            `json:"trusted"`
		Problems      []certs.Problem `json:"problems"`
		MissingIssuer string          `json:"missing_issuer,omitempty"`
		Notes         []string        `json:"notes"`
	}
	jsonCert struct {
		certs.Details
		Sent bool `json:"sent"` // false: the root that the chain leads to, from the trusted ones
	}
)

func printCertJSON(out output, reports []certReport) error {
	doc := jsonCertServers{}
	for i := range reports {
		doc.Servers = append(doc.Servers, reports[i].json())
	}
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	enc.SetEscapeHTML(false)
	return enc.Encode(doc)
}

func (r *certReport) json() jsonCertServer {
	s := jsonCertServer{
		Server: r.target.String(), Name: r.target.Name, TLS: r.version, Certificates: []jsonCert{},
		Roots: "system", Trusted: r.err == nil && len(r.verdict.Problems) == 0,
		Problems: append([]certs.Problem{}, r.verdict.Problems...), MissingIssuer: r.verdict.Missing,
		Notes: append([]string{}, r.notes...),
	}
	var advised *failure
	switch {
	case errors.As(r.err, &advised):
		s.Error, s.Try = advised.err.Error(), advised.try
	case r.err != nil:
		s.Error = r.err.Error()
	}
	if r.roots.File != "" {
		s.Roots = r.roots.File
	}
	for _, c := range r.certificates {
		s.Certificates = append(s.Certificates, jsonCert{c, true})
	}
	if r.root != nil {
		s.Certificates = append(s.Certificates, jsonCert{*r.root, false})
	}
	return s
}
