package route

// Whole returns the same expression, evaluated on the decoded payload.
func (v *Value) Whole() *Value {
	whole := *v
	whole.slotted = nil
	return &whole
}

// Slotted reports whether an expression gets by without a decoded payload.
func (v *Value) Slotted() bool { return v.slotted != nil }
