/* Boots a bare machine from its ROM into 64-bit mode, walks a table of operations (boot.h) and
   answers over COM1. There is no BIOS: this page is the end of the ROM, and its last 16 bytes are
   what the CPU fetches first. The page runs from its copy in RAM at kBootAddress; the image, which
   lies before it in the ROM, is copied to kImageAddress. Both, page tables included, are made by
   image.cc, which maps this page read-only. */

#define PAGE_BYTES 4096
#define ROM_END_SEGMENT 0xF000 /* of the last page, from the code segment's base at reset */
#define ROM_PAGE 0xFFFFF000
#define RAM_PAGE 0x8000
#define IMAGE 0x100000

#define SEGMENT(label) (label - jitattn_boot + ROM_END_SEGMENT)
#define ROM(label) (label - jitattn_boot + ROM_PAGE)
#define RAM(label) (label - jitattn_boot + RAM_PAGE)

#define COM1 0x3F8
#define SHUTDOWN_PORT 0x8900

#define CODE32 0x08
#define DATA 0x10
#define CODE64 0x18

/* Of Operation and Record, in boot.h. */
#define OP_CASE 4
#define OP_A 8
#define OP_B 16
#define OP_C 24
#define OP_BYTES 32
#define RECORD_BYTES 40

#define LEAVES_BYTES (7 * 16) /* what `describe` sends: four registers a leaf */

#define UNTOUCHED 0x5AFE5AFE5AFE5AFE

    .section .rodata
    .balign 16
    .globl jitattn_boot, jitattn_boot_end
    .hidden jitattn_boot, jitattn_boot_end
jitattn_boot:

/* BootHeader, written by image.cc. */
image_bytes:
    .long 0
page_tables:
    .long 0
stack:
    .quad 0
table:
    .quad 0
xcr0:
    .quad 0

/* ---- 16 bits: the first instructions ---- */
    .code16
start16:
    cli
    cld
    lgdtl %cs:SEGMENT(gdt_in_rom)
    movl %cr0, %eax
    orb $1, %al
    movl %eax, %cr0
    ljmpl $CODE32, $ROM(start32)

/* ---- 32 bits: copies, page tables, the way to 64 bits ---- */
    .code32
start32:
    movl $DATA, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    movl $ROM_PAGE, %esi
    movl $RAM_PAGE, %edi
    movl $(PAGE_BYTES / 4), %ecx
    rep movsl
    movl RAM(image_bytes), %ecx
    movl $ROM_PAGE, %esi
    subl %ecx, %esi
    movl $IMAGE, %edi
    shrl $2, %ecx
    rep movsl
    ljmpl $CODE32, $RAM(in_ram)
in_ram:
    lgdtl RAM(gdt_in_ram)
    movl $0x40620, %eax /* PAE, OSFXSR, OSXMMEXCPT, OSXSAVE */
    movl %eax, %cr4
    movl RAM(page_tables), %eax
    movl %eax, %cr3
    movl $0xC0000080, %ecx /* EFER */
    movl $0x900, %eax      /* LME, NXE */
    xorl %edx, %edx
    wrmsr
    movl $0x80010033, %eax /* PG, WP, NE, ET, MP, PE */
    movl %eax, %cr0
    ljmpl $CODE64, $RAM(start64)

/* ---- 64 bits. (stack): the next operation; 8(stack): where the next call goes ---- */
    .code64
    .macro uart register, value
    movl $(COM1 + \register), %edx
    movb $\value, %al
    outb %al, %dx
    .endm
start64:
    lidtq RAM(idt_register)
    movq RAM(stack), %rsp
    movq RAM(table), %rax
    movq %rax, (%rsp)

    uart 1, 0    /* no interrupts */
    uart 3, 0x80 /* the divisor: 115200 baud */
    uart 0, 1
    uart 1, 0
    uart 3, 3    /* 8 bits */
    uart 2, 7    /* FIFO */

next:
    movq RAM(stack), %rsp
    movq (%rsp), %rbx
    addq $OP_BYTES, (%rsp)
    movl (%rbx), %eax
    cmpl $1, %eax
    jb end
    je fill
    cmpl $2, %eax
    je run
    cmpl $4, %eax
    jb send
    je describe
    ud2

fill:
    movq OP_A(%rbx), %rdi
    movq OP_B(%rbx), %rcx
    movq OP_C(%rbx), %rax
    rep stosb
    jmp next

send:
    movl $3, %eax
    movq OP_A(%rbx), %r8
    movq OP_B(%rbx), %r9
    xorl %r10d, %r10d
    call say
    movq OP_A(%rbx), %rsi
    movq OP_B(%rbx), %rcx
    call put
    jmp next

/* Calls the kernel with all other registers filled; vectors hold NaN. */
run:
    movq OP_A(%rbx), %rax
    movq %rax, 8(%rsp)
    movq OP_B(%rbx), %rdi
    vpcmpeqd %ymm0, %ymm0, %ymm0
    .irp i, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
    vmovdqa %ymm0, %ymm\i
    .endr
    testb $0x80, RAM(xcr0)
    jz 1f
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    vpternlogd $0xFF, %zmm\i, %zmm\i, %zmm\i
    .endr
    .irp i, 0, 1, 2, 3, 4, 5, 6, 7
    kxnorq %k\i, %k\i, %k\i
    .endr
1:
    ldmxcsr RAM(mxcsr)
    movabsq $UNTOUCHED, %rax
    .irp r, rbx, rcx, rdx, rsi, rbp, r8, r9, r10, r11, r12, r13, r14, r15
    movq %rax, %\r
    .endr
    call *8(%rsp)

    /* Bits of what the call changed: 1 a register, 2 the stack pointer, 4 the direction flag. */
    movabsq $UNTOUCHED, %rax
    xorl %edx, %edx
    .irp r, rbx, rbp, r12, r13, r14, r15
    xorq %rax, %\r
    orq %\r, %rdx
    .endr
    xorl %r9d, %r9d
    testq %rdx, %rdx
    setnz %r9b
    cmpq RAM(stack), %rsp
    je 1f
    orl $2, %r9d
    movq RAM(stack), %rsp
1:
    pushfq
    popq %rax
    testl $0x400, %eax
    jz 1f
    orl $4, %r9d
    cld
1:
    stmxcsr 16(%rsp)
    movl 16(%rsp), %r10d

    /* FNV-1a of the code, as by CodeHash. */
    movq (%rsp), %rbx
    subq $OP_BYTES, %rbx
    movq OP_A(%rbx), %rsi
    movq OP_C(%rbx), %rcx
    movabsq $0xCBF29CE484222325, %r8
    movabsq $0x100000001B3, %rdi
1:
    movzbl (%rsi), %eax
    xorq %rax, %r8
    imulq %rdi, %r8
    incq %rsi
    decq %rcx
    jnz 1b
    movl $2, %eax
    call say
    jmp next

/* Enables the registers that the image requests (refused if the CPU lacks them); describes the CPU. */
describe:
    movl RAM(xcr0), %eax
    xorl %edx, %edx
    xorl %ecx, %ecx
    xsetbv
    xgetbv
    shlq $32, %rdx
    leaq (%rdx, %rax), %r8
    subq $LEAVES_BYTES, %rsp
    movl $RAM(leaves), %esi
    movq %rsp, %rdi
1:
    movl (%rsi), %eax
    movl 4(%rsi), %ecx
    cpuid
    movl %eax, (%rdi)
    movl %ebx, 4(%rdi)
    movl %ecx, 8(%rdi)
    movl %edx, 12(%rdi)
    addq $8, %rsi
    addq $16, %rdi
    cmpl $RAM(leaves_end), %esi
    jb 1b
    movl $1, %eax
    movl $LEAVES_BYTES, %r9d
    xorl %r10d, %r10d
    movq RAM(stack), %rbx
    movq (%rbx), %rbx
    subq $OP_BYTES, %rbx
    call say
    movq %rsp, %rsi
    movl $LEAVES_BYTES, %ecx
    call put
    jmp next

end:
    movl $4, %eax
    xorl %r8d, %r8d
    xorl %r9d, %r9d
    xorl %r10d, %r10d
    call say
    movl $(COM1 + 5), %edx
1:
    inb %dx, %al
    testb $0x40, %al
    jz 1b
    movl $RAM(shutdown), %esi
    movl $8, %ecx
    movl $SHUTDOWN_PORT, %edx
    rep outsb
1:
    hlt
    jmp 1b

/* ---- Faults: reported; the rest of the case is skipped ---- */
    .macro exception vector, has_error=0
exception_\vector:
    .if \has_error == 0
    pushq $0
    .endif
    pushq $\vector
    jmp fault
    .endm
    .irp v, 0, 1, 2, 3, 4, 5, 6, 7, 9, 15, 16, 18, 19, 20
    exception \v
    .endr
    .irp v, 8, 10, 11, 12, 13, 14, 17
    exception \v, 1
    .endr
fault:
    popq %r8
    popq %rax
    shlq $32, %rax
    orq %rax, %r8
    popq %r9 /* rip */
    movq %cr2, %r10
    movq RAM(stack), %rsp
    movq (%rsp), %rbx
    subq $OP_BYTES, %rbx
    movl $5, %eax
    cld
    call say
    movl OP_CASE(%rbx), %eax
1:
    addq $OP_BYTES, %rbx
    cmpl $0, (%rbx)
    je 2f
    cmpl %eax, OP_CASE(%rbx)
    je 1b
2:
    movq %rbx, (%rsp)
    jmp next

/* ---- Answers ---- */

/* A Record of kind eax: the case of the operation at rbx, r8, r9, r10. */
say:
    pushq %r10
    pushq %r9
    pushq %r8
    movl OP_CASE(%rbx), %ecx
    pushq %rcx
    shlq $32, %rax
    movl RAM(magic), %ecx
    orq %rcx, %rax
    pushq %rax
    movq %rsp, %rsi
    movl $RECORD_BYTES, %ecx
    call put
    addq $RECORD_BYTES, %rsp
    ret

/* rcx bytes at rsi. */
put:
    testq %rcx, %rcx
    jz 3f
1:
    movl $(COM1 + 5), %edx
2:
    inb %dx, %al
    testb $0x20, %al
    jz 2b
    movl $COM1, %edx
    outsb
    decq %rcx
    jnz 1b
3:
    ret

/* ---- Tables ---- */
    .balign 8
gdt:
    .quad 0
    .quad 0x00CF9B000000FFFF /* accessed already: the page is read-only */
    .quad 0x00CF93000000FFFF
    .quad 0x00AF9B000000FFFF
gdt_end:
gdt_in_rom:
    .word gdt_end - gdt - 1
    .long ROM(gdt)
gdt_in_ram:
    .word gdt_end - gdt - 1
    .long RAM(gdt)

    .macro gate vector
    .word RAM(exception_\vector), CODE64, 0x8E00, 0
    .quad 0
    .endm
    .balign 8
idt:
    .irp v, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20
    gate \v
    .endr
idt_end:
idt_register:
    .word idt_end - idt - 1
    .quad RAM(idt)

    .balign 4
mxcsr:
    .long 0x1F80
magic:
    .ascii "JEMU"
leaves:
    .long 0, 0, 1, 0, 7, 0, 7, 1, 0x80000002, 0, 0x80000003, 0, 0x80000004, 0
leaves_end:
shutdown:
    .ascii "Shutdown"

    .org jitattn_boot + PAGE_BYTES - 16, 0xCC
    .code16
    jmp start16
    .org jitattn_boot + PAGE_BYTES, 0xCC
jitattn_boot_end:
    .code64

    .section .note.GNU-stack, "", @progbits
