# Seurat's side of benchmarks/integrate.py: integrates the counts of two species by CCA and prints the seconds it took.
# Rscript integrate.R FOLDER FEATURES; the folder holds first.mtx and second.mtx, features x cells.
suppressMessages(library(Seurat))
arguments <- commandArgs(trailingOnly = TRUE)
set.seed(42)

counts_of <- function(species) {
  counts <- as(Matrix::readMM(file.path(arguments[1], paste0(species, ".mtx"))), "CsparseMatrix")
  dimnames(counts) <- list(paste0("g", seq_len(nrow(counts))), paste0(species, seq_len(ncol(counts))))
  CreateSeuratObject(counts)
}
cells <- lapply(c("first", "second"), counts_of)

began <- proc.time()[["elapsed"]]
n <- as.integer(arguments[2])
cells <- lapply(cells, function(one) FindVariableFeatures(NormalizeData(one, verbose = FALSE), nfeatures = n, verbose = FALSE))
features <- SelectIntegrationFeatures(cells, nfeatures = n, verbose = FALSE)
both <- NormalizeData(merge(cells[[1]], cells[[2]]), verbose = FALSE)
both <- RunPCA(ScaleData(both, features = features, verbose = FALSE), features = features, npcs = 50, verbose = FALSE)
cells <- lapply(cells, ScaleData, features = features, verbose = FALSE)
anchors <- FindIntegrationAnchors(cells,
  anchor.features = features, scale = FALSE, reduction = "cca", dims = 1:30,
  k.anchor = 5, k.filter = NA, k.score = 30, verbose = FALSE
)
integrated <- IntegrateEmbeddings(anchors,
  reductions = both[["pca"]], new.reduction.name = "integrated", k.weight = 100, verbose = FALSE
)
integrated <- FindNeighbors(integrated, reduction = "integrated", dims = 1:30, verbose = FALSE)
cat(proc.time()[["elapsed"]] - began, "\n")
