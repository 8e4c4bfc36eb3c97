package verify

import (
	"errors"
	"fmt"
	"strings"
)

// Step is one thing that is checked of a request.
type Step struct {
	Check  string `json:"check"`            // what is checked, in words
	Passed bool   `json:"passed"`           // whether it was right
	Reason Reason `json:"reason,omitempty"` // why not, in one word
	Detail string `json:"detail,omitempty"` // why not, in words
}

// Explain checks all that Admit and Verify check, without stopping at the
// first mistake, and says what each check found. The request's Body must be
// set.
func (v *Verifier) Explain(r *Request) []Step {
	m := v.message(r)
	steps := []Step{
		step("method is "+strings.Join(v.methods, " or "), v.checkMethod(r)),
		step(v.describeSources(), v.checkSource(r)),
	}
	for _, c := range v.checks {
		err := c.admit(m)
		if err == nil {
			err = c.verify(m)
		}
		steps = append(steps, step(describeCheck(c), err))
	}
	if len(v.checks) == 0 {
		steps = append(steps, step("unverified: nothing is checked", nil))
	}
	_, err := m.result(v.signed)
	name := "the event is found"
	if tolerance := v.provider.timestamp.tolerance; tolerance > 0 {
		name = fmt.Sprintf("the time differs by at most %s, and the event is found", tolerance)
	}
	return append(steps, step(name, err))
}

func step(check string, err error) Step {
	s := Step{Check: check, Passed: err == nil}
	if refused, ok := errors.AsType[*Error](err); ok {
		s.Reason, s.Detail = refused.Reason, refused.Detail
	} else if err != nil {
		s.Detail = err.Error()
	}
	return s
}

func (v *Verifier) describeSources() string {
	if len(v.sources) == 0 {
		return "any address may send"
	}
	var texts []string
	for _, prefix := range v.sources {
		texts = append(texts, prefix.String())
	}
	return "the sender's address is in " + strings.Join(texts, ", ")
}

// describeCheck names a check without its secrets.
func describeCheck(c check) string {
	switch c := c.(type) {
	case *signedScheme:
		spec := c.provider.Spec
		return fmt.Sprintf("%s in %s over %s", spec.Scheme, c.provider.signature.places(),
			strings.Join(c.provider.SignedFields(), ", "))
	case *anyOf:
		texts := make([]string, len(c.ways))
		for i := range c.ways {
			texts[i] = describeCheck(c.ways[i].check)
		}
		return strings.Join(texts, ", or ")
	case *tokenScheme:
		return "token in " + c.from.String()
	case *basicScheme:
		return "Basic credentials"
	case *issuedScheme:
		return "token of the issuer " + c.issuer + " in " + c.from.String()
	case *jwtScheme:
		return "JSON Web Token in " + c.from.String()
	case *snsScheme:
		return "signature of Amazon SNS"
	case *paypalScheme:
		return "signature of PayPal"
	default:
		return "signature"
	}
}
