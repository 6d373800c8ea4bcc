export function proxyletFolders(): string[];
export function bundle(folder: string, outFolder?: string): Promise<void>;
