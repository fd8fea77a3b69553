# What ranks say to each other through Open MPI: the right sums, shares and words for 1 to 4 ranks,
# and a launcher that says something else than MPI is told so.
. "$SRC/tests/e2e/lib.bash"
[ -e "$BUILD/librunnel-mpi.so" ] && command -v mpirun >/dev/null || {
    echo "SKIP: built without Open MPI: nothing of several ranks is tested"
    exit 0
}
ranks() { expect "$1" mpirun --oversubscribe --allow-run-as-root -np "$2" "${@:3}"; }

for n in 1 2 4; do
    ranks 0 $n "$BUILD/test-collectives" OMPI_COMM_WORLD_RANK OMPI_COMM_WORLD_SIZE
done
RANK=1 WORLD=2 expect 12 "$BUILD/test-collectives" RANK WORLD
says "MPI sees rank 0 of 1 here, the launcher said rank 1 of 2"
