#include "textflag.h"

// func prefetch(p unsafe.Pointer, from, to int)
TEXT ·prefetch(SB), NOSPLIT, $0-24
	MOVQ p+0(FP), AX
	MOVQ from+8(FP), CX
	MOVQ to+16(FP), DX
	JMP  test

line:
	MOVQ CX, BX
	SHLQ $6, BX
	PREFETCHT0 (AX)(BX*1)
	INCQ CX

test:
	CMPQ CX, DX
	JLT  line
	RET
