package nhsa

import "time"

// InfnoSignOut is 9002 签退.
const InfnoSignOut = "9002"

// SignOut is the input node signOut of 9002.
type SignOut struct {
	SignNo   string `json:"sign_no" wire:"C30,M"`
	Operator string `json:"opter_no" wire:"C20,M"`
}

// SignOutInput is the input of 9002.
type SignOutInput struct {
	SignOut SignOut `json:"signOut"`
}

// Infno is 9002.
func (SignOut) Infno() string { return InfnoSignOut }

// Input builds the node.
func (m SignOut) Input() (any, bool, error) {
	input := SignOutInput{SignOut: m}
	return input, false, checkMessage(input)
}

// DecodeSignOut reads when the centre signed the operator out; zero where it does not say.
func DecodeSignOut(a *Answer) time.Time {
	f, err := a.one("signoutoutb")
	if err != nil {
		return time.Time{}
	}
	return f.stamp("sign_time")
}
