package commands

// NewTidier gives the look of a tidier.
func NewTidier() (look func() bool) { return newTidier().look }
